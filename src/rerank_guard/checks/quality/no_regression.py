"""Is the ranking no worse than the reference run's, on the same users and under the same conditions?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._at_cutoff import judged_at, left_out_at
from rerank_guard.checks._settings import ALPHA, require_tasks
from rerank_guard.checks.quality._hits import difference_interval
from rerank_guard.checks.quality._paired_runs import REGRESSION_MARGIN, PairedRuns
from rerank_guard.core.check import check
from rerank_guard.core.conditions import RunConditions
from rerank_guard.core.faults.quality import INCOMPARABLE_RUNS, REGRESSION
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stored.difference import Difference, differences, undeclared
from rerank_guard.stored.run import StoredRun
from rerank_guard.stored.standing import standings_of

__all__ = ["REGRESSION_MARGIN", "no_regression"]

_REGRESSION_CAUSE = (
    "The same users are ranked worse than in the reference run, and a loss of the margin or more is not excluded. Data, "
    "prompt and configuration are equal as far as they are declared, so look at what they do not cover: noise in "
    "the training labels, fewer steps than configured, weights that were not loaded, another code path in scoring."
)


@check(
    stage=Stage.QUALITY,
    claim="Recall@K is not below that of the reference run",
    can_name=(REGRESSION, INCOMPARABLE_RUNS),
    rules_out=(REGRESSION,),
    looks_like=REGRESSION,
    per="cutoff",
)
def no_regression(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    reference_run: StoredRun,
    conditions: RunConditions | None = None,
    *,
    alpha: Level = ALPHA,
    margin: Share = REGRESSION_MARGIN,
) -> Finding:
    """Recall@K (one target a user) is not below that of the reference run by the margin or more.

    Where data, tokenizer, prompt, configuration, sampler or N differ the comparison is refused: FAILED with
    incomparable-runs, and the differences as evidence. Else the two runs are paired by query_id, and two bets on the
    difference of the expected hits user by user are looked at (see `stats.paired`; valid at every moment):

    - PASSED: "worse by the margin or more" is rejected at alpha (non-inferiority). This is so even where "no worse" is
      rejected too. Two healthy trainings are never equally good to the last digit, so with enough users one of them is
      significantly worse; a check that failed on that would fail more often with more users. Such a loss is written
      into the evidence.
    - FAILED, regression: else, where "no worse" is rejected at alpha.
    - INCONCLUSIVE: else, with the number of users that would decide.

    The margin is at most half of what the reference run had above chance, or else a run at chance could pass. A reference
    run at chance or below has no margin at all: only a better run passes.

    Judged is the wealth of the bets after all users, which does not depend on their order; the number of users after
    which it was first enough is that in the order of a hash of their query_id, which depends on no result.

    Args:
        scores: one array (N,) a task, higher is better.
        tasks: the tasks, in the same order, each with a query_id of its own.
        k: cutoff, below the largest N; users with at most K candidates are left out.
        reference_run: the run to compare with.
        conditions: what this run's reranker declares; None when it declares nothing, and only data are compared if
            the reference run declares nothing either.
        alpha: level of either decision.
        margin: least loss of Recall@K that counts, in [0, 1).

    Returns:
        FAILED with incomparable-runs (exact) or regression (statistical), or as above.

    Raises:
        InvalidTaskError: no tasks, or a query_id that appears twice.
        VacuousMetricError: k at or above every N, or below 1.
        InvalidScoresError: malformed scores.
        SettingError: alpha or margin out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    judged_at(k, table)
    differing = differences(reference_run, tasks, conditions)
    if differing:
        return _refused(reference_run, differing)
    both = [standings_of(scores, table), reference_run.standings]
    now, then = (each.taken(np.flatnonzero(each.n_candidates > k)) for each in both)
    runs = PairedRuns.of(now, then, k, alpha=alpha, margin=margin)
    status = runs.status
    cause, next_step = runs.undecided() if status is Status.INCONCLUSIVE else ("", "")
    return Finding(
        status,
        claim=(
            f"over {len(runs.hits)} users Recall@{k} is not below that of the reference run ({reference_run.target}, "
            f"{reference_run.created}: {runs.reference_recall:.3f}) by {runs.margin:.3g} or more"
        ),
        measured={
            "difference": runs.difference,
            "recall": runs.recall,
            "stored_recall": runs.reference_recall,
            "users_better": runs.n_better,
            "users_worse": runs.n_worse,
            **left_out_at(table, judged_at(k, table)),
        },
        compared_with={"margin": runs.margin, "chance": runs.chance, "alpha": alpha},
        n=len(runs.hits),
        interval=difference_interval(runs.hits - runs.reference_hits, alpha),
        evidence=tuple(filter(None, (*runs.rows(), undeclared(reference_run, conditions), *runs.largest_falls())))[
            :MAX_EVIDENCE
        ],
        suspects=(suspect(REGRESSION, _REGRESSION_CAUSE, statistical=True),) if status is Status.FAILED else (),
        cause=cause,
        next_step=next_step,
        affected=Affected(runs.n_worse, len(runs.hits)) if status is Status.FAILED else None,
        p_failed=p_value_of(runs.log_e_worse),
    )


def _refused(reference_run: StoredRun, differing: Sequence[Difference]) -> Finding:
    rows = [difference.row() for difference in differing]
    if len(rows) > MAX_EVIDENCE:
        rest = [difference.name for difference in differing[MAX_EVIDENCE - 1 :]]
        rows[MAX_EVIDENCE - 1 :] = [f"and {len(rest)} more: {', '.join(rest):.300}"]
    return Finding(
        Status.FAILED,
        claim=(
            f"this run can be compared with the reference run ({reference_run.target}, {reference_run.created}); refused, "
            f"since {len(differing)} of their conditions differ"
        ),
        measured={"differing_conditions": len(differing)},
        limits=(Limit("differing_conditions", "<=", 0),),
        evidence=tuple(rows),
        suspects=(suspect(INCOMPARABLE_RUNS),),
    )
