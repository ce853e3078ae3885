"""What is in the candidate lists of a table: the target item, and repeats.

Whether two items are the same is a question of the item id. The lists are read in blocks, so that temporaries take a
few MiB whatever the number of tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.item_pool import Int32Array
from rerank_guard.core.ragged import Ragged, row_blocks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = [
    "TargetListing",
    "distinct_per_row",
    "duplicates_per_task",
    "falls_by_first_stage",
    "id_blocks",
    "listed_grades",
    "target_listing",
]


@dataclass(frozen=True, slots=True, eq=False)
class TargetListing:
    """Where each task lists its target item.

    Attributes:
        position: (T,) int64, the first 0-based position; -1 where the target item is not listed.
        times: (T,) int64, how many times it is listed.
    """

    position: IntArray
    times: IntArray


def id_blocks(table: TaskTable) -> Iterator[tuple[int, int, Int32Array]]:
    """(start, stop, id codes of the candidates of tasks start to stop - 1), over all tasks."""
    offsets = table.candidates.offsets
    for start, stop in row_blocks(offsets):
        yield start, stop, table.pool.id_codes(table.candidates.values[offsets[start] : offsets[stop]])


def target_listing(table: TaskTable) -> TargetListing:
    """Where each task lists its target item, whatever `target_position` says."""
    position = np.full(len(table), -1, dtype=np.int64)
    times = np.zeros(len(table), dtype=np.int64)
    offsets = table.candidates.offsets
    for start, stop, ids in id_blocks(table):
        ends = offsets[start : stop + 1] - offsets[start]
        found = np.flatnonzero(ids == np.repeat(table.target[start:stop], np.diff(ends)))
        row = np.searchsorted(ends, found, side="right") - 1
        times[start:stop] = np.bincount(row, minlength=stop - start)
        first = np.flatnonzero(np.diff(row, prepend=-1))
        position[start + row[first]] = found[first] - ends[row[first]]
    return TargetListing(position, times)


def listed_grades(table: TaskTable) -> Ragged[np.float64]:
    """The grade of each candidate, in rows of the tasks' N; 0 where it has none. An item that is listed twice counts once."""
    offsets = table.candidates.offsets
    grades = np.zeros(len(table.candidates.values), dtype=np.float64)
    graded = None if table.relevance is None else table.relevance.ids.lengths > 0
    for start, stop, ids in id_blocks(table):
        ends = offsets[start : stop + 1] - offsets[start]
        task = np.repeat(np.arange(start, stop), np.diff(ends))
        block = np.where(ids == table.target[task], 1.0, 0.0)
        if graded is not None and table.relevance is not None:
            of_tasks = table.relevance.span(start, stop)
            listed = task * np.int64(len(table.pool.ids)) + ids
            known = (start + of_tasks.ids.row_of_value()) * np.int64(len(table.pool.ids)) + of_tasks.ids.values
            order = np.argsort(known, kind="stable")
            at = np.minimum(np.searchsorted(known[order], listed), max(0, len(known) - 1))
            found = known[order][at] == listed if len(known) else np.zeros(len(listed), dtype=np.bool_)
            own = of_tasks.grades[order][at] if len(known) else np.zeros(len(listed))
            block = np.where(graded[task], np.where(found, own, 0.0), block)
        grades[offsets[start] : offsets[stop]] = block * _is_first(task, ids)
    return Ragged(grades, offsets)


def _is_first(task: IntArray, ids: Int32Array) -> BoolArray:
    """(V,) bool, whether the same task lists this id at no earlier position; tasks are ascending."""
    order = np.lexsort((np.arange(len(ids)), ids, task))
    same = (np.diff(task[order]) == 0) & (np.diff(ids[order]) == 0)
    first = np.ones(len(ids), dtype=np.bool_)
    first[order[1:][same]] = False
    return first


def duplicates_per_task(table: TaskTable) -> IntArray:
    """(T,) int64, candidates whose item id the same list has at an earlier position: N less the different ids."""
    code_of = None if table.pool.is_one_text_per_id else table.pool.id_code
    return table.n_candidates - distinct_per_row(table.candidates, code_of)


def distinct_per_row(rows: Ragged[np.int32], code_of: NDArray[np.integer[Any]] | None = None) -> IntArray:
    """(R,) int64, how many different values each row has.

    Args:
        rows: of any lengths.
        code_of: what to count in place of a value v: code_of[v], such as the id code or the text's code of an item.
    """
    different = np.zeros(len(rows), dtype=np.int64)
    for at, matrix in rows.matrices():
        ordered = np.sort(matrix if code_of is None else code_of[matrix], axis=1)
        if ordered.shape[1]:
            different[at] = 1 + np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1)
    return different


def falls_by_first_stage(table: TaskTable) -> BoolArray:
    """(T,) bool, the lists in which no first-stage score is above the one before it, and the last is below the first."""
    falls = np.zeros(len(table), dtype=np.bool_)
    if table.first_stage_scores is not None:
        for rows, scores in Ragged(table.first_stage_scores.values, table.candidates.offsets).matrices():
            never_rises = (scores[:, 1:] <= scores[:, :-1]).all(
                axis=1
            )  # not so where a task has none: they are NaN
            falls[rows] = never_rises & (scores[:, 0] > scores[:, -1])
    return falls
