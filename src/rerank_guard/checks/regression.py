"""Is the ranking no worse than a stored run's, on the same users and under the same conditions?"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.baselines import chance_recall_at_k
from rerank_guard.checks._hits import e_value_text
from rerank_guard.checks._settings import ALPHA, require_settings, require_tasks
from rerank_guard.metrics import require_informative_cutoff
from rerank_guard.stats.bets import first_crossing, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.paired import log_e_path_better, log_e_path_worse_than
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below
from rerank_guard.stored.conditions import RunConditions
from rerank_guard.stored.difference import Difference, differences, undeclared
from rerank_guard.stored.run import StoredRun
from rerank_guard.stored.standing import Standings, standings_of
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Interval, Status, Verdict

__all__ = ["REGRESSION_MARGIN", "check_no_regression"]

REGRESSION_MARGIN = 0.05
"""Least loss of Recall@K against the stored run that counts."""

_SHOWN_USERS = 2

_REGRESSION = (
    "The same users are ranked worse than in the stored run, and a loss of the margin or more is not excluded. Data, "
    "prompt and configuration are held equal as far as they are declared, so look at what they do not cover: noise in "
    "the training labels, fewer steps than configured, weights that were not loaded, another code path in scoring.",
    "Hold the training data and the recorded steps of the two runs against each other, beginning with the labels. If "
    "the loss is wanted, store this run with --rerank-update-baseline.",
)

_INCOMPARABLE = (
    "A difference between the two runs would be that of their conditions as much as of the reranker.",
    "Judge the stored reranker again under the present conditions, or go back to the stored ones; if the change is "
    "wanted, store this run with --rerank-update-baseline.",
)


def check_no_regression(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    stored: StoredRun,
    *,
    k: int,
    conditions: RunConditions | None,
    alpha: float = ALPHA,
    margin: float = REGRESSION_MARGIN,
) -> Verdict:
    """Recall@K (one target a user) is not below that of the stored run by the margin or more.

    Where data, tokenizer, prompt, configuration, sampler or N differ the comparison is refused: FAILED with
    incomparable-runs, and the differences as evidence. Else the two runs are paired by query_id, and two bets on the
    difference of the expected hits user by user are looked at (see `stats.paired`; valid at every moment):

    - PASSED: "worse by the margin or more" is rejected at alpha (non-inferiority). This
      holds even where "no worse" is rejected too. Two sound trainings never are equally good to the last digit, so
      with enough users one of them always is the worse one for certain; a gate that failed on that would fail the
      more surely the more users it is given. Such a loss is written down in the evidence.
    - FAILED, regression: else, where "no worse" is rejected at alpha.
    - INCONCLUSIVE: else, with the number of users that would decide.

    The margin is at most half of what the stored run had above chance, or else a run at chance could pass. A stored
    run at chance or below has no margin at all: only a better one passes.

    Judged is the wealth of the bets after all users, which does not depend on their order; the number of users after
    which it was first enough is that in the order of a hash of their query_id, which looks at no result.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order, each with a query_id of its own.
        stored: the run to compare with.
        k: cutoff, below the smallest N.
        conditions: what this run's target declares; None when it declares nothing, and only data are compared if
            the stored run declares nothing either.
        alpha: level of either decision.
        margin: least loss of Recall@K that counts, in [0, 1).

    Raises:
        InvalidTaskError: no tasks, or a query_id that comes twice.
        VacuousMetricError: k at or above the smallest N, or below 1.
        InvalidScoresError: malformed scores.
        RerankGuardError: alpha or margin out of range.
    """
    require_settings(alpha, margin)
    require_tasks(tasks)
    require_informative_cutoff(k, [task.n_candidates for task in tasks])
    differing = differences(stored, tasks, conditions)
    if differing:
        return _refused(stored, differing, k)
    now, before = _paired(standings_of(scores, tasks), stored.standings)
    hits, stored_hits = now.hits_at(k), before.hits_at(k)
    recall, stored_recall = float(hits.mean()), float(stored_hits.mean())
    chance = float(np.mean([chance_recall_at_k(int(n), k) for n in now.n_candidates]))
    room = max(stored_recall - chance, 0.0) / 2.0
    allowed = min(margin, room)
    difference = float((hits - stored_hits).mean())
    not_much_worse = log_e_path_better(hits, stored_hits, -allowed)
    worse = log_e_path_worse_than(hits, stored_hits, 0.0)
    needed = math.log(1.0 / alpha)
    held = float(not_much_worse[-1]) >= needed
    lost = float(worse[-1]) >= needed
    if held:
        status = Status.PASSED
    elif lost:
        status = Status.FAILED
    else:
        status = Status.INCONCLUSIVE
    cause, next_step = _REGRESSION if status is Status.FAILED else ("", "")
    if status is Status.INCONCLUSIVE:
        cause, next_step = _undecided(hits, stored_hits, allowed, alpha)
    return Verdict(
        check=_name(k),
        status=status,
        claim=(
            f"over {len(hits)} users Recall@{k} is not below that of the stored run ({stored.target}, "
            f"{stored.created}: {stored_recall:.3f}) by {allowed:.3g} or more"
        ),
        measured={
            "difference": difference,
            "recall": recall,
            "stored_recall": stored_recall,
            "users_better": int((hits > stored_hits).sum()),
            "users_worse": int((hits < stored_hits).sum()),
        },
        threshold={"margin": allowed, "chance": chance, "alpha": alpha},
        n=len(hits),
        interval=_interval(hits, stored_hits, alpha),
        evidence=tuple(
            row
            for row in (
                _decision(not_much_worse, f"worse by {allowed:.3g} or more", len(hits), alpha),
                _decision(worse, "no worse", len(hits), alpha),
                _certain_loss(difference) if held and lost else "",
                f"the margin is {allowed:.3g} and not {margin:g}, half of what the stored run had above chance"
                if allowed < margin
                else "",
                undeclared(stored, conditions),
                *(_fallen(now, before, hits, stored_hits) if status is Status.FAILED else ()),
            )
            if row
        )[:MAX_EVIDENCE],
        cause=cause,
        next_step=next_step,
        fault="regression" if status is Status.FAILED else None,
        p_failed=p_value_of(float(worse[-1])),
    )


def _refused(stored: StoredRun, differing: Sequence[Difference], k: int) -> Verdict:
    rows = [difference.row() for difference in differing]
    if len(rows) > MAX_EVIDENCE:
        rest = [difference.name for difference in differing[MAX_EVIDENCE - 1 :]]
        rows[MAX_EVIDENCE - 1 :] = [f"and {len(rest)} more: {', '.join(rest):.300}"]
    cause, next_step = _INCOMPARABLE
    return Verdict(
        check=_name(k),
        status=Status.FAILED,
        claim=(
            f"this run can be compared with the stored one ({stored.target}, {stored.created}); refused, since "
            f"{len(differing)} of their conditions differ"
        ),
        measured={"differing_conditions": len(differing)},
        threshold={"differing_conditions": 0},
        n=0,
        evidence=tuple(rows),
        cause=cause,
        next_step=next_step,
        fault="incomparable-runs",
    )


def _name(k: int) -> str:
    return f"no_regression[K={k}]"


def _paired(now: Standings, stored: Standings) -> tuple[Standings, Standings]:
    """Both runs' standings of the same users in the same order, that of the query_ids' hashes."""
    return now.taken(_hash_order(now.query_ids)), stored.taken(_hash_order(stored.query_ids))


def _hash_order(query_ids: Sequence[str]) -> IntArray:
    digests = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest() for name in query_ids]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def _interval(hits: FloatArray, stored_hits: FloatArray, alpha: float) -> Interval:
    level = 1.0 - 2.0 * alpha
    low, high = mean_confidence_sequence((hits - stored_hits + 1.0) / 2.0, level)
    return Interval(2.0 * low - 1.0, 2.0 * high - 1.0, level, "confidence sequence")


def _decision(path: FloatArray, what: str, n: int, alpha: float) -> str:
    after = first_crossing(path, n, alpha)
    when = f", rejected after {after} users" if after else ""
    return f'"{what}": {e_value_text(float(path[-1]))}{when}'


def _certain_loss(difference: float) -> str:
    return f"a loss of about {-difference:.2g} is certain, and less than the margin"


def _fallen(now: Standings, before: Standings, hits: FloatArray, stored_hits: FloatArray) -> tuple[str, ...]:
    """The users that fell furthest among those who lost their hit."""
    ranks, stored_ranks = now.ranks(), before.ranks()
    fall = np.where(hits < stored_hits, ranks - stored_ranks, -np.inf)
    worst = np.argsort(-fall, kind="stable")[:_SHOWN_USERS]
    return tuple(
        f"{now.query_ids[row]!r}: target at rank {stored_ranks[row]:g} of {now.n_candidates[row]} in the stored run, "
        f"now at {ranks[row]:g}"
        for row in worst
        if fall[row] > 0
    )


def _undecided(hits: FloatArray, stored_hits: FloatArray, allowed: float, alpha: float) -> tuple[str, str]:
    n, halves = len(hits), (hits - stored_hits + 1.0) / 2.0
    cause = f"{n} users are too few to tell whether the ranking is worse than the stored run's by {allowed:.3g} or more."
    if allowed == 0.0:
        cause = "The stored run is no better than chance, and this one is not clearly better or worse than it."
    numbers = [
        number
        for number in (
            samples_to_bet_above(halves, (1.0 - allowed) / 2.0, alpha),
            samples_to_bet_below(halves, 0.5, alpha),
        )
        if number is not None
    ]
    if not numbers:
        return cause, (
            "No number of users at these rates would decide; judge on other users too, declare another margin, or "
            "store a better run with --rerank-update-baseline."
        )
    return cause, (
        f"About {max(min(numbers), n + 1)} users at these rates would decide (now {n}); since runs are compared on the "
        "same users, the stored run has to be judged on them too."
    )
