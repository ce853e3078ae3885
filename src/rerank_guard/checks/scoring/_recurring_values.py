"""A score that comes again, bit by bit, in rows of other candidates, where the other scores do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rerank_guard.checks.comparing.ragged_rows import Rows
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["Entries", "Recurring", "recurring_value"]

_NEARLY_ALL = 0.9
_NEIGHBOURS = 8
_FEWEST_VALUES = 20
_TIMES_AS_FREQUENT = 8
_EVENLY_FREQUENT = 3
_SCATTER = 10
"""By how much small counts scatter anyway."""

_MOST_LOOKED_AT = 16
_IN_ORDER = 0.5
_MOST_ROWS_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Recurring:
    """A value that recurs.

    Attributes:
        value: the score.
        tasks: (n,) int64, ascending, the tasks whose row has it.
    """

    value: float
    tasks: IntArray


@dataclass(frozen=True, slots=True)
class Entries:
    """The scores that count, one entry each; rows that are equal as a whole count once.

    Attributes:
        rows: all scores, for ranks within a row.
        value: (E,) the score.
        task: (E,) int64, its task.
        position: (E,) int64, its position.
        text: (E,) int64, a number for the candidate's text.
    """

    rows: Rows
    value: FloatArray
    task: IntArray
    position: IntArray
    text: IntArray

    @classmethod
    def of(cls, rows: Rows, table: TaskTable, kept: BoolArray) -> Entries:
        """Those of the tasks of a (T,) mask that the reranker has scored."""
        rows = Ragged(rows.values + 0.0, rows.offsets)  # -0.0 is 0.0
        first = first_equal_rows(Ragged(rows.values.view(np.int64), rows.offsets)) == np.arange(len(rows))
        task = rows.row_of_value()
        counts = (kept & first)[task]
        if table.scored is not None:
            counts &= table.scored.values | ~table.scored.given[task]
        text_code = first_equal_rows(table.pool.texts.encoded)
        return cls(
            rows,
            rows.values[counts],
            task[counts],
            rows.position_of_value()[counts],
            text_code[table.candidates.values[counts]],
        )


def recurring_value(entries: Entries, max_rows: int) -> Recurring | None:
    """The value that is in most rows, of those that recur as only a value that was filled in does; None without one.

    Args:
        entries: the scores.
        max_rows: largest number of rows, and of different texts, with one value that is let pass.
    """
    values, group = np.unique(entries.value, return_inverse=True)
    if len(values) < _FEWEST_VALUES:
        return None
    in_rows, of_texts = (_different(group, other, len(values)) for other in (entries.task, entries.text))
    times = np.minimum(in_rows, of_texts)
    suspected = _stands_out(times) & (times > max_rows)
    order = np.argsort(-in_rows, kind="stable")
    for code in order[suspected[order]][:_MOST_LOOKED_AT].tolist():
        at = group == code
        if _is_filled_in(entries, float(values[code]), entries.task[at], entries.position[at]):
            return Recurring(float(values[code]), np.unique(entries.task[at]))
    return None


def _different(group: IntArray, other: IntArray, n_groups: int) -> IntArray:
    """(G,) how many different numbers `other` has in each group."""
    pairs = np.unique(group * (int(other.max()) + 1) + other) // (int(other.max()) + 1)
    return np.bincount(pairs, minlength=n_groups)


def _stands_out(times: IntArray) -> BoolArray:
    """(V,) the values that come far more often than those next to them, in ascending order of the values.

    All that come again where nine of ten values do not; else those beside evenly frequent ones.
    """
    if (times == 1).mean() >= _NEARLY_ALL:
        return times > 1
    near = np.stack(
        [np.roll(times, shift) for shift in range(-_NEIGHBOURS // 2, _NEIGHBOURS // 2 + 1) if shift != 0]
    )
    high, low = near.max(axis=0), near.min(axis=0)
    return np.asarray((times >= _TIMES_AS_FREQUENT * high) & (high <= _EVENLY_FREQUENT * low + _SCATTER))


def _is_filled_in(entries: Entries, value: float, task: IntArray, position: IntArray) -> bool:
    """Whether it is at one position of its rows, or at changing ranks."""
    tasks, first = np.unique(task, return_index=True)
    above = np.array([int((entries.rows.row(row) > value).sum()) for row in tasks.tolist()])
    below = np.array([int((entries.rows.row(row) < value).sum()) for row in tasks.tolist()])
    in_middle = np.abs(above - below) <= 1
    at_one_rank = max(_most_common(above), _most_common(below), float(in_middle.mean())) >= _NEARLY_ALL
    several_times = len(task) / len(tasks) > 0.5 * float(entries.rows.lengths[tasks].mean())
    at_one_place = _most_common(position[first]) >= _NEARLY_ALL and not several_times
    if at_one_rank and at_one_place:
        return not _are_in_order(entries, value, tasks[:_MOST_ROWS_COMPARED])
    return not at_one_rank


def _most_common(numbers: NDArray[np.integer]) -> float:
    """Share of the most common one."""
    return float(np.unique(numbers, return_counts=True)[1].max() / len(numbers))


def _are_in_order(entries: Entries, value: float, tasks: IntArray) -> bool:
    """Whether the other scores follow the list's order, so that one rank is one position anyway."""
    found = []
    for task in tasks.tolist():
        row = entries.rows.row(task)
        at = np.flatnonzero(row != value)
        if len(at) > 2 and np.ptp(row[at]) > 0.0:
            ranks = np.argsort(np.argsort(row[at], kind="stable"), kind="stable")
            found.append(abs(float(np.corrcoef(at, ranks)[0, 1])))
    return not found or float(np.mean(found)) >= _IN_ORDER
