"""Was one and the same row of scores given to tasks with different candidates?"""

from __future__ import annotations

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows, every
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["FEWEST_TASKS", "MOST_SHARED", "most_that_pass", "shared_rows"]

FEWEST_TASKS = 10
"""Default of the smallest number of tasks with a shared row that counts."""

MOST_SHARED = 0.02
"""Default of the largest share of the tasks that may have one."""

_FEWEST_VALUES = 8
_DECIMALS = 3


def shared_rows(rows: Rows, table: TaskTable) -> IntArray:
    """The tasks whose row, bit by bit, is also that of a task with other candidates.

    Rows of ranks and of few decimals do not count, as they coincide by chance. Where the most frequent row of
    each N makes half of the tasks together, it is a preference for positions, or a constant, and has its name elsewhere. Tasks without a history beside others that
    have one are left out: a score of history times candidate is the same for any list where no history is known.

    Args:
        rows: the scores, finite.
        table: their tasks.

    Returns:
        (n,) int64 row numbers, ascending.
    """
    group = first_equal_rows(Ragged(rows.values.view(np.int64), rows.offsets))
    counted = np.flatnonzero(_tells(rows, table, group))
    size = np.bincount(group[counted], minlength=len(rows))
    several = counted[size[group[counted]] > 1]
    if len(several) == 0 or 2 * _in_most_frequent(size, np.diff(rows.offsets)) >= len(rows):
        return np.zeros(0, dtype=np.int64)
    of_group, _ = np.unique(np.stack([group[several], first_equal_rows(_id_rows(table.take(several)))]), axis=1)
    has_other_list = np.bincount(of_group, minlength=len(rows)) > 1  # of each group, by its first row
    return several[has_other_list[group[several]]]


def _in_most_frequent(size: IntArray, lengths: IntArray) -> int:
    """How many tasks have the most frequent row of their length, over all lengths in which a row comes again.

    Args:
        size: (U,) tasks of the group that a row leads, 0 elsewhere.
        lengths: (U,) N of each row.
    """
    most = np.zeros(int(lengths.max()) + 1, dtype=np.int64)
    np.maximum.at(most, lengths, size)
    return int(most[most > 1].sum())


def most_that_pass(n_tasks: int, fewest: int = FEWEST_TASKS, max_share: float = MOST_SHARED) -> int:
    """The largest number of tasks with a shared row that is let pass: fewer than `fewest`, or at most this share of all."""
    return max(fewest - 1, int(max_share * n_tasks))


def _tells(rows: Rows, table: TaskTable, group: IntArray) -> BoolArray:
    """(U,) the rows that would not coincide by chance or for want of a history, among those that come more than once."""
    has_history = table.histories.lengths > 0
    tells = has_history if bool(has_history.any()) else np.ones(len(rows), dtype=np.bool_)
    coarse = every(Ragged(rows.values == np.round(rows.values, _DECIMALS), rows.offsets))
    repeated = np.bincount(group, minlength=len(rows)) > 1
    few = np.zeros(len(rows), dtype=np.bool_)
    for leader in np.flatnonzero(repeated & ~coarse).tolist():
        few[leader] = len(np.unique(rows.row(leader))) < _FEWEST_VALUES
    return np.asarray(tells & ~coarse & repeated[group] & ~few[group])


def _id_rows(table: TaskTable) -> Ragged[np.int32]:
    return Ragged(table.pool.id_codes(table.candidates.values), table.candidates.offsets)
