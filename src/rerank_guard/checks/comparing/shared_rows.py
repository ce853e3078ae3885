"""Was one and the same row of scores given to tasks with different candidates?"""

from __future__ import annotations

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows, every
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["shared_rows"]

_FEWEST_VALUES = 8
_FEWEST_TASKS = 10
_SHARE = 0.02
_DECIMALS = 3


def shared_rows(rows: Rows, table: TaskTable) -> IntArray:
    """The tasks whose row, bit by bit, is also that of a task with other candidates; none if these are few.

    Rows of ranks and of few decimals do not count, as they coincide by chance. Where one row is that of half of the tasks,
    it is a preference for positions, or a constant, and has its name elsewhere. Tasks without a history beside others that
    have one are left out: a score of history times candidate is the same for any list where no history is known.

    Args:
        rows: the scores, finite.
        table: their tasks.

    Returns:
        (n,) int64 row numbers, ascending; empty unless they are at least 10 tasks and more than 2 % of all.
    """
    group = first_equal_rows(Ragged(rows.values.view(np.int64), rows.offsets))
    counted = np.flatnonzero(_tells(rows, table, group))
    size = np.bincount(group[counted], minlength=len(rows))
    several = counted[size[group[counted]] > 1]
    if len(several) == 0 or 2 * int(size.max()) >= len(rows):
        return np.zeros(0, dtype=np.int64)
    of_group, _ = np.unique(np.stack([group[several], first_equal_rows(_id_rows(table.take(several)))]), axis=1)
    has_other_list = np.bincount(of_group, minlength=len(rows)) > 1  # of each group, by its first row
    found = several[has_other_list[group[several]]]
    return found if len(found) >= _FEWEST_TASKS and len(found) > _SHARE * len(rows) else found[:0]


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
