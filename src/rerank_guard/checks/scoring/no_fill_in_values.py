"""Were scores filled in: one exact value that comes again in many rows, constant rows, or rows made from positions?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.position_rows import IN_POSITION_ORDER, position_rows
from rerank_guard.checks.comparing.ragged_rows import Rows, ragged, row_max, row_min
from rerank_guard.checks.scoring._recurring_values import Entries, Recurring, recurring_value
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import SILENT_FALLBACK
from rerank_guard.core.finding import Affected, Finding, Limit, not_applicable, suspect
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Measured, Status
from rerank_guard.metrics import as_score_rows

__all__ = ["no_fill_in_values"]

_FIX = (
    "Raise where a candidate or a task has no score of its own (an unreadable answer, a letter that is not found, NaN), or "
    "count such cases and show them; do not fill in a value."
)


@check(
    stage=Stage.SCORING,
    claim="no score is filled in: few rows are constant or made from positions, and no exact value comes again in rows of other "
    "candidates",
    can_name=(SILENT_FALLBACK,),
    looks_like=SILENT_FALLBACK,
)
def no_fill_in_values(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    max_constant: Count = 2,
    max_recurring: Count = 7,
    max_in_position_order: Count = IN_POSITION_ORDER,
) -> Finding:
    """Few rows are constant or a function of the listed position, and no value comes again, bit by bit, in rows of other candidates, as a filled-in one does.

    Code that finds no score often fills one in (0, the mean, a floor) and says nothing. A few such users hide in an average,
    and a letter that always gets the same value is never ranked by what it stands for.

    Exact, without statistics. Three kinds are counted:

    - Constant rows: tasks of two and more different texts whose scores are all equal, beside others whose are not. Tasks
      with neither a history nor a query are left out where others have one: nothing is known of them.
    - A recurring value: one that is in more than `max_recurring` rows, for as many different texts, while the other values do not
      come again like that. It has to be at changing ranks of its rows, or at one position (nine of ten of them) of lists whose
      other scores do not follow the list: scores that are normalised row by row have one value at the top, the bottom or
      the middle of each row, which is no fault. Scores on a grid (ranks, grades, few decimals, half precision) come again
      by themselves: there a value counts only if it is in eight times as many rows as each of the values next to it, and
      these are about equally frequent. Values that come again with one text, rows that are equal as a whole, and candidates
      that were not scored (`RankingTask.scored`) do not count.
    - Rows made from positions: scores that fall, or rise, strictly over the listed positions by the same values, bit by bit, in
      more than `max_in_position_order` tasks, as 1/(60 + rank), -rank or exp(-rank) do. Values that another task has in
      another order are the ranks that a reranker gives, and do not count (see `comparing.position_rows`).

    Known limit: a floor that is filled in at the bottom of rows, at changing positions, looks like a truncated answer or
    a lexical score of 0, and is not counted.

    Args:
        scores: one array (N_u,) a task, any scale.
        tasks: the tasks, in the same order.
        max_constant: largest number of constant rows that passes.
        max_recurring: largest number of rows with one recurring value that passes.
        max_in_position_order: largest number of rows made from positions that passes.

    Returns:
        FAILED with silent-fallback; NOT_APPLICABLE where all rows are constant, or scores are not finite (see
        scores_well_formed); else PASSED.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    rows = ragged(as_score_rows(scores, table.n_candidates.tolist()))
    if not np.isfinite(rows.values).all():
        return not_applicable("there are scores that are not finite", "see scores_well_formed", n=len(table))
    telling = _telling(table)
    constant = (row_max(rows) == row_min(rows)) & telling
    if not (telling & ~constant).any():
        return not_applicable("no task has two scores that differ", "see scores_well_formed", n=len(table))
    recurring = recurring_value(Entries.of(rows, table, telling & ~constant), max_recurring)
    found = _Found(constant, recurring, position_rows(rows, telling & ~constant, max_in_position_order))
    failed = len(found.constant_tasks) > max_constant or recurring is not None or len(found.in_order) > 0
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=(
            f"of {len(table)} tasks at most {max_constant} have one score for all candidates, no value comes again in more "
            f"than {max_recurring} rows, and at most {max_in_position_order} rows are made from positions"
        ),
        measured=found.measured(max_constant),
        limits=(
            Limit("users_with_constant_scores", "<=", max_constant),
            Limit("users_with_the_recurring_value", "<=", max_recurring),
            Limit("users_with_scores_of_the_position", "<=", max_in_position_order),
        ),
        n=len(table),
        evidence=_evidence(table, rows, found) if failed else (),
        suspects=(suspect(SILENT_FALLBACK, found.cause, _FIX),) if failed else (),
        affected=Affected(len(found.tasks), len(table)) if failed else None,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What looks filled in.

    Attributes:
        constant: (T,) the tasks with one score for all candidates.
        recurring: the value that recurs; None where none does.
        in_order: (n,) int64, the tasks whose scores are made from positions.
    """

    constant: BoolArray
    recurring: Recurring | None
    in_order: IntArray

    @property
    def constant_tasks(self) -> IntArray:
        """(n,) their numbers."""
        return np.flatnonzero(self.constant)

    @property
    def recurring_tasks(self) -> IntArray:
        """(n,) the tasks whose row has the recurring value."""
        return self.in_order[:0] if self.recurring is None else self.recurring.tasks

    @property
    def tasks(self) -> IntArray:
        """(n,) all of them."""
        return np.unique(np.concatenate([self.constant_tasks, self.recurring_tasks, self.in_order]))

    def measured(self, max_constant: int) -> dict[str, Measured]:
        """The figures; the one that decides first."""
        constant: dict[str, Measured] = {"users_with_constant_scores": len(self.constant_tasks)}
        again: dict[str, Measured] = {
            "users_with_the_recurring_value": len(self.recurring_tasks),
            "recurring_value": None if self.recurring is None else self.recurring.value,
        }
        positions: dict[str, Measured] = {"users_with_scores_of_the_position": len(self.in_order)}
        if len(self.constant_tasks) > max_constant:
            return {**constant, **again, **positions}
        if self.recurring is not None:
            return {**again, **constant, **positions}
        return {**positions, **constant, **again} if len(self.in_order) else {**constant, **again, **positions}

    @property
    def cause(self) -> str:
        """What was seen, in words."""
        n = len(self.constant)
        parts = []
        if n_constant := len(self.constant_tasks):
            parts.append(f"{n_constant} of {n} tasks have one score for all candidates")
        if n_recurring := len(self.recurring_tasks):
            parts.append(f"one exact value is in the rows of {n_recurring} tasks, for different candidates")
        if n_in_order := len(self.in_order):
            parts.append(
                f"in {n_in_order} of {n} tasks the scores are one function of the listed position, bit by bit the same values"
            )
        return f"{'; '.join(parts)}: likely filled in where there was no score."


def _telling(table: TaskTable) -> BoolArray:
    """(T,) the tasks of which a constant row says something: several texts, and something known of the user."""
    different = np.zeros(len(table), dtype=np.bool_)
    text_code = first_equal_rows(table.pool.texts.encoded)
    for at, codes in table.candidates.matrices():
        texts = text_code[codes]
        different[at] = (texts != texts[:, :1]).any(axis=1)
    known = table.histories.lengths > 0
    if table.queries is not None:
        known |= np.fromiter((bool(query) for query in table.queries), dtype=np.bool_, count=len(table))
    return np.asarray(different & known if known.any() else different)


def _evidence(table: TaskTable, rows: Rows, found: _Found) -> tuple[str, ...]:
    kinds = [
        [
            f"query {table.query_ids[task]!r}: all {len(rows.row(task))} candidates have the score {rows.row(task)[0]:g}"
            for task in found.constant_tasks[:MAX_EVIDENCE].tolist()
        ],
        [
            f"query {table.query_ids[task]!r}: the recurring score at position "
            + ", ".join(map(str, np.flatnonzero(rows.row(task) == found.recurring.value).tolist()))
            for task in found.recurring_tasks[:MAX_EVIDENCE].tolist()
            if found.recurring
        ],
        [
            f"query {table.query_ids[task]!r}: the scores of positions 0, 1, ... are "
            + ", ".join(f"{value:.6g}" for value in rows.row(task)[:3])
            for task in found.in_order[:MAX_EVIDENCE].tolist()
        ],
    ]
    by_turns = [row for several in zip_longest(*kinds) for row in several if row is not None]
    return tuple(by_turns[:MAX_EVIDENCE])
