"""Are the scores around the target item as high before it as after it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.ragged_rows import Rows, ragged
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.finding import Finding, Limit, Suspected, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.setting import Excess, Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Status
from rerank_guard.metrics import as_score_rows
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence

__all__ = ["labels_not_offset"]

_FEWEST_CONTROLS = 5
"""Other users at a position, without which no expectation is taken there."""


@check(
    stage=Stage.QUALITY,
    claim="the candidates right before the target item score as high as those right after it",
    can_name=(LABEL_OFFSET,),
)
def labels_not_offset(
    scores: Sequence[FloatArray], tasks: Sequence[RankingTask], *, alpha: Level = 1e-6, max_excess: Excess = 0.1
) -> Finding:
    """The candidate right before the target item is above the one right after it as often as at this position elsewhere.

    A label that is one position off can go unnoticed in Recall@K: a model that blurs positions gives the candidates beside
    the best one good scores too. But then one of the target item's two neighbours is the item that was meant, and the other
    is two positions away from it.

    Of each user, 1 where the candidate before the target item scores above the one after it, 0 where below, 1/2 where they
    tie; minus the mean of the same at this position over other users, whose target item is not there. That mean takes out
    what a position brings: a list in the first stage's order, a preference for letters. The users of even number are
    compared with those of odd number, and the other way round. FAILED when "the mean is at most `max_excess`", or "at least
    -`max_excess`", is rejected by a bet on the bounded mean (`stats.bets`) at alpha/2, given the other users; their own
    error is of order 1/sqrt(users times positions), which `max_excess` covers.

    It does not see an offset that is alternately to both sides, nor one of a small share of the users.

    Args:
        scores: one array (N_u,) a task, higher is better; finite.
        tasks: the tasks, in the same order.
        alpha: how often a reranker whose difference is at most `max_excess` may be failed; inside (0, 0.5).
        max_excess: largest difference, to either side, that is accepted; inside (0, 0.5).

    Returns:
        PASSED, which says only that no such difference was shown; NOT_APPLICABLE where no target item has a neighbour on
        both sides, or too few users to compare with; or FAILED with label-offset.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        SettingError: alpha or max_excess out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    found = _neighbours(ragged(as_score_rows(scores, table.n_candidates.tolist())), target_listing(table).position)
    if len(found.tasks) == 0:
        return not_applicable(
            "no target item has a neighbour on both sides and users with other target positions to compare with",
            "give more users, with at least 4 candidates each",
        )
    before = (1.0 + found.difference) / 2.0  # in [0, 1]
    side, log_e = max(
        (("before", log_e_value_above(before, (1.0 + max_excess) / 2.0))),
        (("after", log_e_value_above(1.0 - before, (1.0 + max_excess) / 2.0))),
        key=lambda entry: entry[1],
    )
    p_value = min(1.0, 2.0 * p_value_of(log_e))
    failed = p_value <= alpha
    low, high = mean_confidence_sequence(before, 1.0 - alpha)
    mean = float(found.difference.mean())
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        {"size_of_difference": abs(mean), "before_minus_after": mean},
        (Limit("size_of_difference", "<=", max_excess),),
        compared_with={"alpha": alpha},
        n=len(found.tasks),
        interval=Interval(
            2.0 * low - 1.0, 2.0 * high - 1.0, 1.0 - alpha, "confidence sequence of before minus after"
        ),
        evidence=_evidence(table, found, side) if failed else (),
        suspects=(_suspected(side, abs(mean)),) if failed else (),
        p_failed=p_value,
    )


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Of the users who can be compared.

    Attributes:
        tasks: (n,) int64, their numbers.
        above: (n,) 1 where the candidate before the target item is above the one after it, 0 where below, 1/2 where level.
        difference: (n,) that minus the mean of other users at this position, in [-1, 1].
    """

    tasks: IntArray
    above: FloatArray
    difference: FloatArray


def _neighbours(rows: Rows, position: IntArray) -> _Neighbours:
    """Compare each half of the users with the other."""
    starts, lengths = rows.offsets[:-1], np.diff(rows.offsets)
    longest = int(lengths.max())
    # (U, N) whether the candidate before a position is above the one after it; NaN at the ends and around the target item
    above = np.full((len(rows), longest), np.nan, dtype=np.float32)
    for at in range(1, longest - 1):
        inside = np.flatnonzero(at + 1 < lengths)
        first, second = rows.values[starts[inside] + at - 1], rows.values[starts[inside] + at + 1]
        above[inside, at] = (first > second) + 0.5 * (first == second)
    users = np.flatnonzero((position >= 1) & (position + 1 < lengths))
    own = above[users, position[users]].astype(np.float64)
    columns = np.arange(longest)
    above[np.abs(columns - position[:, None]) <= 1] = np.nan
    expected = np.where(users % 2 == 0, *(_mean_at(above[half::2])[position[users]] for half in (1, 0)))
    known = np.isfinite(expected)
    return _Neighbours(users[known], own[known], (own - expected)[known])


def _mean_at(above: npt.NDArray[np.float32]) -> FloatArray:
    """(N,) the mean of each column over its users; NaN where there are too few."""
    there = np.isfinite(above)
    count = there.sum(axis=0)
    total = np.where(there, above, 0.0).sum(axis=0, dtype=np.float64)
    return np.asarray(np.where(count >= _FEWEST_CONTROLS, total / np.maximum(count, 1), np.nan))


def _suspected(side: str, size: float) -> Suspected:
    other = "after" if side == "before" else "before"
    return suspect(
        LABEL_OFFSET,
        f"The candidate right {side} the target item is above the one right {other} it more often, by {size:.0%} of the users, "
        "than at the same position in other users' lists: the item that was meant is likely the one "
        f"{side}. Either the label is one position off, or each score is that of the candidate beside it.",
        statistical=True,
    )


def _evidence(table: TaskTable, found: _Neighbours, side: str) -> tuple[str, ...]:
    share = float(found.above.mean())
    told = found.tasks[found.above == (1.0 if side == "before" else 0.0)][: MAX_EVIDENCE - 1].tolist()
    return (
        f"before above after: {share:.1%} of {len(found.tasks)} users, {share - found.difference.mean():.1%} expected",
        *(
            f"query {table.query_ids[task]!r}: the candidate {side} the target item is above the other"
            for task in told
        ),
    )
