"""Are the scores finite numbers, each task's own, and do they rather than the sort decide the target item's rank?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.equal_rows import EQUAL_ROW_FAULTS, NEAR_END, at_end_of_scale, why_equal
from rerank_guard.checks.comparing.position_rows import position_rows
from rerank_guard.checks.comparing.ragged_rows import Rows, every, ragged, row_max, row_min, row_sum, spread_out
from rerank_guard.checks.comparing.shared_rows import FEWEST_TASKS, MOST_SHARED, most_that_pass, shared_rows
from rerank_guard.checks.scoring._not_finite import NOT_FINITE_FIX
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import ROWS_MISALIGNED, SCORES_SATURATED, SILENT_FALLBACK, TIES_DECIDE
from rerank_guard.core.faults.training import SILENT_NAN
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows, target_standing, tied_with_target

__all__ = ["scores_well_formed"]

_MOST_AT_END = 0.5
"""Share of the tasks with ties at the target item whose ties are at the end of the scale, from which on that is named."""


@check(
    stage=Stage.SCORING,
    claim="every task has one finite score a candidate, of its own, and ties do not decide the ranking",
    can_name=(SILENT_NAN, ROWS_MISALIGNED, *EQUAL_ROW_FAULTS),
    rules_out=(SILENT_NAN, ROWS_MISALIGNED, TIES_DECIDE),
    looks_like=TIES_DECIDE,
    early=True,
)
def scores_well_formed(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    letter_table: LetterTable | None = None,
    cutoffs: tuple[int, ...] | None = None,
    *,
    max_tie_gap: Share = 0.05,
    max_not_finite: Count = 0,
    min_shared: Count = FEWEST_TASKS,
    max_shared: Share = MOST_SHARED,
) -> Finding:
    """The scores are finite numbers, and it is they, not a sort's order, that decide where the target item is ranked.

    Tied candidates are ranked in the order of the list by a stable sort, so that constant scores look perfect where the
    target item is listed first. The tie gap is the share of the other candidates that tie with the target item, which is
    the gap between optimistic and pessimistic Hit@K averaged over all K; a task with constant scores has a gap of 1. Tasks
    without a listed target item are left out of it; where no task lists one, it is the share of tasks with constant scores.

    Exact on these tasks, without statistics. Scores that are not finite are looked for first, then rows that tasks with
    other candidates share bit by bit (at least `min_shared` tasks and more than `max_shared` of all), then ties. Tasks whose
    scores are not finite, and which are let pass, are left out of the rest.

    Args:
        scores: one array (N_u,) a task, higher is better, any scale.
        tasks: the tasks, in the same order.
        cutoffs: the K that are judged; ties fail only where they also move Hit@K at one of them by more than
            `max_tie_gap`. None: no K is known, and the tie gap alone decides.
        letter_table: the letters, whose ids tell why scores are equal; None where they are not shown.
        max_tie_gap: largest mean tie gap that passes, in [0, 1).
        max_not_finite: how many tasks may have scores that are not finite, as long as not all have them.
        min_shared: fewest tasks with a shared row that fail.
        max_shared: largest share of the tasks that may have one.

    Returns:
        PASSED, or FAILED with silent-nan (a score that is not finite), rows-misaligned (one row for tasks of different
        candidates), or silent-fallback where it is one function of the position; where constant scores make up half of the gap or more, letter-collision, prompt-truncated,
        score-scale-wrong, scores-saturated or silent-fallback by what is equal and for whom (see `comparing.equal_rows`);
        scores-saturated where most ties are at the end of the scale; or ties-decide.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    given = as_score_rows(scores, table.n_candidates.tolist())
    rows = ragged(given)
    claim = f"the scores of {len(table)} tasks are finite, and at most {max_tie_gap:.0%} of the candidates tie with the target item"
    finite = every(Ragged(np.isfinite(rows.values), rows.offsets))
    broken = np.flatnonzero(~finite)
    if len(broken) > max_not_finite or not finite.any():
        return _not_finite(table, rows, broken, claim, max_not_finite, max_tie_gap)
    n_tasks = len(table)
    if len(broken):
        kept = np.flatnonzero(finite)
        table, rows, given = table.take(kept), rows.take(kept), [given[task] for task in kept.tolist()]
    shared, most = shared_rows(rows, table), most_that_pass(len(table), min_shared, max_shared)
    if len(shared) > most:
        return _shared(table, rows, shared, claim, most, max_tie_gap)
    ties = _ties(table, rows, given)
    figure, decisive = _decisive(ties.gap, table, given, cutoffs)
    failed = decisive > max_tie_gap
    fault, n_affected = _fault_of_ties(ties, rows, table, letter_table) if failed else (None, 0)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured={
            figure: decisive,
            "users_with_constant_scores": int(ties.constant.sum()),
            **({"users_with_non_finite_scores": len(broken)} if len(broken) else {}),
            **({"users_with_a_shared_row": len(shared)} if len(shared) else {}),
        },
        limits=(
            Limit(figure, "<=", max_tie_gap),
            *((Limit("users_with_non_finite_scores", "<=", max_not_finite),) if len(broken) else ()),
            *((Limit("users_with_a_shared_row", "<=", most),) if len(shared) else ()),
        ),
        n=n_tasks,
        evidence=_tied_rows(table, rows, ties) if failed else (),
        suspects=() if fault is None else (fault,),
        affected=None if fault is None else Affected(n_affected, n_tasks),
    )


@dataclass(frozen=True, slots=True)
class _Ties:
    """What ties with the target item; with the first candidate where the target item is not listed.

    Attributes:
        tied: (T,) int64, candidates with that score, itself included.
        at: (T,) int64, position of that candidate.
        listed: (T,) bool, whether the target item is listed.
        constant: (T,) bool, whether all scores of the task are equal.
        total: the sum of the tie gaps of the tasks with a listed target item.
        gap: their mean; the share of constant tasks where there are none.
    """

    tied: IntArray
    at: IntArray
    listed: BoolArray
    constant: BoolArray
    total: float
    gap: float


def _ties(table: TaskTable, rows: Rows, given: Sequence[FloatArray]) -> _Ties:
    position = target_listing(table).position
    listed, at = position >= 0, np.maximum(position, 0)
    level = rows.values == spread_out(rows.values[rows.offsets[:-1] + at], rows)
    constant = row_max(rows) == row_min(rows)
    gaps = tied_with_target(given, [where if where >= 0 else None for where in position.tolist()])
    gap = float(gaps.mean()) if len(gaps) else float(constant.mean())
    return _Ties(row_sum(Ragged(level, rows.offsets)), at, listed, constant, float(gaps.sum()), gap)


def _decisive(
    gap: float, table: TaskTable, given: Sequence[FloatArray], cutoffs: Sequence[int] | None
) -> tuple[str, float]:
    """The name and value of the figure that decides: the tie gap, or how far ties move Hit@K at most, where that is less.

    That is the gap between the best and the worst order of ties, over the tasks with more than K candidates.
    """
    if cutoffs is None:
        return "tie_gap", gap
    position = target_listing(table).position
    listed = np.flatnonzero((position >= 0) & (table.n_candidates > min(cutoffs)))
    if len(listed) == 0:
        return "tie_gap", gap
    standing = target_standing(given, position, present=position >= 0)
    moved = 0.0
    for k in cutoffs:
        across = (standing.above < k) & (standing.above + standing.tied > k)
        judged = standing.present & (standing.n_candidates > k)
        moved = max(moved, float(across.sum()) / max(1, int(judged.sum())))
    return ("tie_gap", gap) if gap <= moved else ("tie_gap_at_cutoffs", moved)


def _fault_of_ties(ties: _Ties, rows: Rows, table: TaskTable, letters: LetterTable | None) -> tuple[Suspected, int]:
    """What ties point at, and how many tasks show it.

    Constant rows have a reason of their own, if they make up half of the gap; else the scores tie by themselves, or at the end
    of their scale.
    """
    among = ties.listed if ties.listed.any() else np.ones_like(ties.listed)
    n_constant = int(ties.constant[among].sum())
    if n_constant and n_constant >= 0.5 * ties.total:
        return why_equal(rows, ties.constant, table, letters), n_constant
    tied = np.flatnonzero(among & (ties.tied > 1))
    level = rows.values[rows.offsets[tied] + ties.at[tied]]
    for end, near in ((1.0, NEAR_END), (0.0, 0.0)):  # half precision is coarse below 1, and fine above 0
        if float((np.abs(level - end) <= near).mean()) >= _MOST_AT_END and at_end_of_scale(rows, end):
            cause = f"Most of the candidates that tie with the target item are at {end:g}, the end of the scale."
            return suspect(SCORES_SATURATED, cause), len(tied)
    return suspect(TIES_DECIDE), len(tied)


def _not_finite(
    table: TaskTable, rows: Rows, broken: IntArray, claim: str, max_not_finite: int, max_tie_gap: float
) -> Finding:
    return Finding(
        Status.FAILED,
        claim=claim,
        measured={"users_with_non_finite_scores": len(broken)},
        # where all are broken nothing is left to judge, however many may be
        limits=(Limit("users_with_non_finite_scores", "<=", min(max_not_finite, len(table) - 1)),),
        compared_with={"tie_gap": max_tie_gap},
        n=len(table),
        evidence=tuple(
            _non_finite_row(table.query_ids[task], rows.row(task)) for task in broken[:MAX_EVIDENCE].tolist()
        ),
        suspects=(
            suspect(
                SILENT_NAN,
                "NaN or infinite scores: likely NaN weights after training or merging, overflow in half precision, or a row "
                "that is masked out entirely.",
                NOT_FINITE_FIX,
            ),
        ),
        affected=Affected(len(broken), len(table)),
    )


def _non_finite_row(query_id: str, row: FloatArray) -> str:
    bad = np.flatnonzero(~np.isfinite(row))
    return f"query {query_id!r}: score {row[bad[0]]} at position {bad[0]} ({len(bad)} of {len(row)})"


def _shared(table: TaskTable, rows: Rows, shared: IntArray, claim: str, most: int, max_tie_gap: float) -> Finding:
    made = np.intersect1d(position_rows(rows), shared, assume_unique=True)
    return Finding(
        Status.FAILED,
        claim=claim,
        measured={"users_with_a_shared_row": len(shared)},
        limits=(Limit("users_with_a_shared_row", "<=", most),),
        compared_with={"tie_gap": max_tie_gap},
        n=len(table),
        evidence=tuple(
            f"query {table.query_ids[task]!r}: its scores are, bit by bit, those of other candidates too"
            for task in shared[:MAX_EVIDENCE].tolist()
        ),
        suspects=(_why_shared(len(made), len(shared)),),
        affected=Affected(len(shared), len(table)),
    )


def _why_shared(n_made: int, n_shared: int) -> Suspected:
    if 2 * n_made > n_shared:
        return suspect(
            SILENT_FALLBACK,
            f"{n_made} tasks have bit by bit the same scores, which follow the listed position alone: they are filled in, as by "
            "1/(60 + rank).",
            "Raise where a task has no scores of its own, or count such tasks and show them.",
        )
    return suspect(
        ROWS_MISALIGNED,
        "The same row was given to several tasks, though their candidates differ: a cache with the wrong key, or a fallback row.",
        "Key every cache of scores by the whole prompt, and raise where a task has no scores of its own.",
    )


def _tied_rows(table: TaskTable, rows: Rows, ties: _Ties) -> tuple[str, ...]:
    """The tasks with the most candidates level with the target item."""
    most = np.argsort(-ties.tied, kind="stable")[:MAX_EVIDENCE].tolist()
    return tuple(
        f"query {table.query_ids[task]!r}: {ties.tied[task]} of {len(rows.row(task))} candidates have the score "
        f"{rows.row(task)[ties.at[task]]:g}"
        for task in most
    )
