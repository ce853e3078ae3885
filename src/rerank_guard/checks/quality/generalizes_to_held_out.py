"""Is the trained ranking there where it is judged, or is it lost between the job and the held-out scores?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.quality._ranked_targets import rank_targets, target_positions
from rerank_guard.core.check import check
from rerank_guard.core.faults.quality import LOST_AFTER_TRAINING
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.setting import Count, Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace
from rerank_guard.core.verdict import Interval, Status
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence

__all__ = ["generalizes_to_held_out"]

_CHANCE = 0.5


@check(
    stage=Stage.QUALITY,
    claim="what the job's own ranking gained over chance is there on the held-out tasks",
    can_name=(LOST_AFTER_TRAINING,),
    rules_out=(LOST_AFTER_TRAINING,),
    looks_like=LOST_AFTER_TRAINING,
)
def generalizes_to_held_out(
    training_trace: TrainingTrace,
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    share: Share = 0.5,
    min_examples: Count = 50,
    alpha: Level = 1e-6,
) -> Finding:
    """The held-out ranking has kept at least a share of what the job's own ranking had gained over chance.

    A job that learned and a ranking at chance mean that the model, prompt or letters that are scored are not the trained
    ones. The rank of each first-pass target was recorded before the job had seen the example, so it is a held-out figure
    itself. Compared is the share of the other candidates that the target is ranked above, (N - r)/(N - 1), whose mean is
    the area under the ROC curve of one target against its negatives: chance is 1/2 at any N, ties count half, and
    confidence has no effect. Taken are the last half of the first-pass examples; the model that is scored has seen more,
    and should be better.

    The job's mean is bounded from below at alpha/2 (`stats.confidence`). FAILED when "the held-out mean is at least
    1/2 + share (that bound - 1/2)" is rejected at alpha/2 by a bet (`stats.bets`).

    Args:
        training_trace: of the job, with `target_rank`.
        scores: one array (N,) a held-out task, higher is better; finite.
        tasks: the tasks, in the same order; those whose target is not listed are left out.
        share: of the gain that has to be there, in [0, 1). Held-out tasks may be harder than those trained on.
        min_examples: fewest examples, and fewest held-out tasks, of which a comparison can say anything.
        alpha: how often a ranking that keeps that share may be failed.

    Returns:
        PASSED, which says only that no such loss was shown; FAILED with lost-after-training, whose cause
        the other checks and the diagnosis have to find; NOT_APPLICABLE where no ranks were recorded, too few, or the job's
        own ranking is not above chance.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have, or not finite.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    trained = _share_below_in_training(training_trace)
    held_out = _share_below_held_out(scores, TaskTable.of(tasks))
    n = len(held_out)
    if min(len(trained), n) < max(min_examples, 1):
        return _not_judged(n, "too few target ranks are known, of the job's examples or of the held-out tasks")
    level = 1.0 - alpha  # two-sided, so that each end has alpha / 2
    least = mean_confidence_sequence(trained, level)[0]
    if least <= _CHANCE:
        return _not_judged(n, "the job's own ranking was not shown to be above chance, so nothing can be lost")
    needed = _CHANCE + share * (least - _CHANCE)
    log_e, mean = log_e_value_below(held_out, needed), float(held_out.mean())
    failed = log_e >= math.log(2.0 / alpha) and mean < needed
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=(
            f"of what the job's own ranking gained over chance, at least {share:.0%} is there over {n} held-out users"
        ),
        measured={
            "ranked_above": mean,
            "ranked_above_in_training": float(trained.mean()),
            "log10_e_value": log_e / math.log(10.0),
        },
        limits=(Limit("log10_e_value", "<", math.log10(2.0 / alpha)),),
        compared_with={"ranked_above": needed, "chance": _CHANCE},
        n=n,
        interval=Interval(*mean_confidence_sequence(held_out, level), level, "confidence sequence"),
        suspects=(
            (suspect(LOST_AFTER_TRAINING, _cause(float(trained.mean()), mean), statistical=True),) if failed else ()
        ),
        p_failed=min(1.0, alpha / 2.0 + p_value_of(log_e)),
    )


def _share_below_in_training(trace: TrainingTrace) -> FloatArray:
    """(E,) share of the other candidates below the target, of the last half of the first pass; empty without ranks."""
    if trace.target_rank is None:
        return np.zeros(0)
    first_pass = np.flatnonzero(trace.first_pass)
    late = first_pass[len(first_pass) // 2 :]
    late = late[np.isfinite(trace.target_rank[late]) & (trace.n_candidates[late] > 1)]
    n = trace.n_candidates[late].astype(np.float64)
    return np.asarray(np.clip((n - trace.target_rank[late]) / (n - 1.0), 0.0, 1.0))


def _share_below_held_out(scores: Sequence[FloatArray], table: TaskTable) -> FloatArray:
    """(U,) the same of the users whose target is listed among two candidates or more."""
    ranking = rank_targets(scores, table, target_positions(table))
    kept = ranking.present & (table.n_candidates > 1)
    n = table.n_candidates[kept].astype(np.float64)
    rank = ranking.above[kept] + (ranking.tied[kept] + 1.0) / 2.0  # the target is level with itself
    return np.asarray((n - rank) / (n - 1.0))


def _cause(trained: float, held_out: float) -> str:
    return (
        f"On examples that the job had not seen it ranked the target above {trained:.0%} of the other candidates; on the "
        f"held-out tasks above {held_out:.0%} (50% is chance). What was learned is lost between training and scoring: "
        "another model, another prompt, other letters, or tasks that are made differently."
    )


def _not_judged(n: int, cause: str) -> Finding:
    return not_applicable(
        cause,
        "pass the letter logits of each training batch to TraceRecorder.letters, which keeps the target's rank",
        n=n,
    )
