"""Is a target item found as often in one part of the list as in another?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.finding import Finding, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Measured, Status
from rerank_guard.metrics import expected_hit_at_k, require_informative_cutoff
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.two_means import log_e_further_apart

__all__ = ["recall_uniform_by_position"]

_QUARTERS = 4

_ENDS = 8
"""Of two intervals in each of two comparisons."""

_CAUSE = (
    "Target items in one part of the list are found far more often than in another, though they are spread evenly: the model "
    "prefers positions or letters, or does not see a part of the list (truncation, a window of attention, letters without a "
    "token of their own)."
)
_FIX = (
    "Look at the recall by quarter: a part at 0 is not seen, a slope is a preference. Check the prompt's length and the "
    "letters of that part; shuffle the candidates in training, or average the scores over several orders."
)
_UNEVEN = (
    "the target items are not listed, not spread evenly over the positions, or in the first stage's order, so a difference "
    "between its parts may be theirs and not the model's",
    "see target_positions_uniform: shuffle the candidates",
)
_NOT_BOTH = ("the target items of these tasks are all in one part of the list", "give more tasks")


@check(
    stage=Stage.SCORING,
    per="cutoff",
    claim="Recall@K does not depend on where in the list the target item is",
    can_name=(POSITION_PRIOR,),
    looks_like=POSITION_PRIOR,
)
def recall_uniform_by_position(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    *,
    alpha: Level = 1e-6,
    effect: Share = 0.25,
) -> Finding:
    """Recall@K of target items in one part of the list is that of the rest, within `effect`.

    A part of the list that does not reach the model, or that it does not prefer, is invisible in an average.

    Two comparisons: the first half against the second, and the outer quarters against the middle half ("lost in the
    middle": Liu et al. 2024). Each takes the two groups' confidence sequences (`stats.confidence`), at a level that lets all
    four cover together but for a share alpha. FAILED when the intervals of one comparison are further apart than `effect`:
    then the recalls are, whatever the moment one looks.

    `p_failed` is the smallest alpha at which that is so. In a healthy reranker no two recalls differ by more than `effect`,
    so intervals that are further apart leave the mean of a group outside at one of their eight ends; each end does that
    with probability alpha/8 at most, ever (Ville 1939), and all eight together with alpha (the union bound). So the p-value
    is 8 exp(-s), s the largest log e-value that two ends reach together (`stats.two_means`).

    Hits are expected over ties, so constant scores have the same recall everywhere. Target items at the middle position of
    an odd list are in no half, and lists of fewer than 4 in no quarter. Tasks whose target item is not listed are left out.

    Args:
        scores: one array (N_u,) a task, higher is better; finite.
        tasks: the tasks, in the same order.
        k: cutoff, below the smallest N.
        alpha: how often a reranker whose recalls differ by at most `effect` may be failed; inside (0, 0.5). It also decides
            whether the positions are uneven.
        effect: largest difference in recall that is accepted, in [0, 1).

    Returns:
        PASSED, which says only that no such difference was shown; NOT_APPLICABLE where the target items' positions are
        uneven or the candidates are in the first stage's order (early target items are then easier), or all in one part; or
        FAILED with position-prior.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        VacuousMetricError: K at or above the smallest N.
        SettingError: alpha or effect out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    require_informative_cutoff(k, table.n_candidates.tolist())
    claim = f"Recall@{k} depends on the target item's position by at most {effect:g}"
    found = _hits(scores, table, k)
    by_quarter = {f"recall_in_quarter_{q + 1}": found.recall_in(q) for q in range(_QUARTERS)}
    if target_positions_uniform.measure(tasks, alpha=alpha).status is not Status.PASSED:
        measured: dict[str, Measured] = {"largest_difference": 0.0, **by_quarter}
        return not_applicable(*_UNEVEN, claim=claim, measured=measured, n=len(found.hits))
    compared = _compare(found, alpha, effect)
    if not compared:
        measured = {"largest_difference": 0.0, **by_quarter}
        return not_applicable(*_NOT_BOTH, claim=claim, measured=measured, n=len(found.hits))
    worst = max(compared, key=lambda difference: (difference.proven, abs(difference.mean)))
    log_e = max(difference.log_e for difference in compared)
    failed = log_e >= math.log(_ENDS / alpha)  # the intervals are then further apart than the effect
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured={"largest_difference": worst.mean, **by_quarter, "between": worst.between},
        compared_with={"largest_difference": effect},
        n=len(found.hits),
        interval=Interval(worst.low, worst.high, 1.0 - alpha, "two confidence sequences"),
        evidence=_evidence(table, found) if failed else (),
        suspects=(suspect(POSITION_PRIOR, _CAUSE, _FIX, statistical=True),) if failed else (),
        p_failed=min(1.0, _ENDS * p_value_of(log_e)),
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    """Of the n tasks whose target item is listed.

    Attributes:
        tasks: (n,) int64, their numbers.
        position: (n,) int64, the target item's position.
        n_candidates: (n,) int64, N.
        hits: (n,) the expected hit.
        place: (n,) the position as a share of the list, in (0, 1).
        quarter: (n,) int64, the quarter of the list, 0 to 3.
    """

    tasks: IntArray
    position: IntArray
    n_candidates: IntArray
    hits: FloatArray
    place: FloatArray
    quarter: IntArray

    def recall_in(self, quarter: int) -> float | None:
        """Recall of the target items in a quarter; None where there are none."""
        inside = self.quarter == quarter
        return float(self.hits[inside].mean()) if inside.any() else None


def _hits(scores: Sequence[FloatArray], table: TaskTable, k: int) -> _Hits:
    every = target_listing(table).position
    hits = expected_hit_at_k(scores, [at if at >= 0 else None for at in every.tolist()], k)
    tasks = np.flatnonzero(every >= 0)
    position, n_candidates = every[tasks], table.n_candidates[tasks]
    place = (position + 0.5) / n_candidates
    return _Hits(tasks, position, n_candidates, hits[tasks], place, (_QUARTERS * place).astype(np.int64))


@dataclass(frozen=True, slots=True)
class _Difference:
    """Of two recalls: which, the figure, its interval, and log E of two ends against "they differ by at most the effect"."""

    between: str
    mean: float
    low: float
    high: float
    log_e: float

    @property
    def proven(self) -> float:
        """How large it is at least, whatever its sign; at or below 0 where 0 is in the interval."""
        return max(self.low, -self.high)


def _compare(found: _Hits, alpha: float, effect: float) -> list[_Difference]:
    """The comparisons of which both parts have target items."""
    outer = (found.quarter == 0) | (found.quarter == _QUARTERS - 1)
    quartered = found.n_candidates >= _QUARTERS
    parts: dict[str, tuple[BoolArray, BoolArray]] = {
        "the first half against the second": (found.place < 0.5, found.place > 0.5),
        "the outer quarters against the middle": (outer & quartered, ~outer & quartered),
    }
    return [
        _difference(name, found.hits[one], found.hits[other], 2.0 * alpha / _ENDS, effect)
        for name, (one, other) in parts.items()
        if one.any() and other.any()
    ]


def _difference(name: str, first: FloatArray, second: FloatArray, alpha: float, effect: float) -> _Difference:
    """Each group's confidence sequence leaves alpha outside."""
    low, high = mean_confidence_sequence(first, 1.0 - alpha)
    low_too, high_too = mean_confidence_sequence(second, 1.0 - alpha)
    log_e = max(log_e_further_apart(first, second, effect), log_e_further_apart(second, first, effect))
    return _Difference(name, float(first.mean() - second.mean()), low - high_too, high - low_too, log_e)


def _evidence(table: TaskTable, found: _Hits) -> tuple[str, ...]:
    """Recall by quarter, and some tasks whose target item is missed where it is missed most."""
    recalls = {q: recall for q in range(_QUARTERS) if (recall := found.recall_in(q)) is not None}
    shown = ", ".join(
        f"{q + 1}: {recall:.3f} ({int((found.quarter == q).sum())} tasks)" for q, recall in recalls.items()
    )
    low = min(recalls, key=lambda q: recalls[q])
    missed = np.flatnonzero((found.quarter == low) & (found.hits < 0.5))[: MAX_EVIDENCE - 1].tolist()
    rows = [
        f"query {table.query_ids[int(found.tasks[i])]!r}: target item at position {found.position[i]} of "
        f"{found.n_candidates[i]} is missed"
        for i in missed
    ]
    return (f"recall by quarter of the list: {shown}", *rows)
