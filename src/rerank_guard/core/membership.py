"""Which candidates are in the user's own history, which are relevant, and which relevant items are not listed.

Each pair of a task and an item id is one number, and a number is looked up among the sorted ones. All is done in
blocks of tasks, so that temporaries take a few MiB whatever the number of tasks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.listed import id_blocks
from rerank_guard.core.ragged import Ragged, offsets_of, row_blocks
from rerank_guard.core.relevance import Relevance
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = [
    "candidate_grades",
    "candidates_in_history",
    "stated_relevance",
    "target_in_history",
    "unlisted_relevant",
]


def candidates_in_history(table: TaskTable, code_of: NDArray[np.integer[Any]] | None = None) -> BoolArray:
    """(C,) bool, the candidates whose item id is in their user's own history.

    Args:
        table: the tasks.
        code_of: (V,) what to compare in place of the id code of each item, such as the code of its text: >= 0.
    """
    codes = table.pool.id_code if code_of is None else code_of
    n_codes = int(codes.max(initial=-1)) + 1
    known = np.zeros(len(table.candidates.values), dtype=np.bool_)
    for start, stop in row_blocks(table.candidates.offsets):
        histories, lists = table.histories.span(start, stop), table.candidates.span(start, stop)
        taken = np.sort(_pairs(codes[histories.values], histories.offsets, n_codes))
        is_known = _place(taken, _pairs(codes[lists.values], lists.offsets, n_codes)) >= 0
        known[table.candidates.offsets[start] : table.candidates.offsets[stop]] = is_known
    return known


def target_in_history(table: TaskTable) -> BoolArray:
    """(T,) bool, the tasks whose target item id is in the user's own history."""
    known = np.zeros(len(table), dtype=np.bool_)
    for start, stop in row_blocks(table.histories.offsets):
        targets = np.repeat(table.target[start:stop], table.histories.lengths[start:stop])
        first, last = table.histories.offsets[[start, stop]]
        is_target = table.pool.id_codes(table.histories.values[first:last]) == targets
        rows = np.repeat(np.arange(start, stop), table.histories.lengths[start:stop])
        known[rows[is_target]] = True
    return known


def stated_relevance(table: TaskTable) -> Relevance:
    """The relevance of every task, with the target item of grade 1 written out where a task states none."""
    if table.relevance is None:
        return Relevance(Ragged(table.target, np.arange(len(table) + 1, dtype=np.int64)), np.ones(len(table)))
    given = table.relevance
    implied = given.ids.lengths == 0
    if not bool(implied.any()):
        return given
    ids = Ragged(
        np.zeros(len(given.grades) + int(implied.sum()), dtype=np.int32), offsets_of(given.ids.lengths + implied)
    )
    grades = np.ones(len(ids.values))
    is_implied = np.repeat(implied, ids.lengths)
    ids.values[is_implied] = table.target[implied]
    ids.values[~is_implied] = given.ids.values
    grades[~is_implied] = given.grades
    return Relevance(ids, grades)


def candidate_grades(table: TaskTable) -> FloatArray:
    """(C,) float64, the grade of each candidate; 0 where the task gives it none."""
    relevance = stated_relevance(table)
    grades = np.zeros(len(table.candidates.values))
    offsets = table.candidates.offsets
    n_ids = len(table.pool.ids)
    for start, stop, ids in id_blocks(table):
        stated = relevance.span(start, stop)
        graded = _pairs(stated.ids.values, stated.ids.offsets, n_ids)
        order = np.argsort(graded)
        place = _place(graded[order], _pairs(ids, offsets[start : stop + 1], n_ids))
        block = grades[offsets[start] : offsets[stop]]
        block[place >= 0] = stated.grades[order][place[place >= 0]]
    return grades


def unlisted_relevant(table: TaskTable) -> IntArray:
    """(T,) int64, relevant items (grade above 0) of each task that are not among its candidates: misses of the first stage."""
    relevance = stated_relevance(table)
    missing = np.zeros(len(table), dtype=np.int64)
    offsets = table.candidates.offsets
    n_ids = len(table.pool.ids)
    for start, stop, ids in id_blocks(table):
        stated = relevance.span(start, stop)
        listed = np.sort(_pairs(ids, offsets[start : stop + 1], n_ids))
        is_unlisted = _place(listed, _pairs(stated.ids.values, stated.ids.offsets, n_ids)) < 0
        rows = stated.ids.row_of_value()[is_unlisted & (stated.grades > 0.0)]
        missing[start:stop] = np.bincount(rows, minlength=stop - start)
    return missing


def _pairs(ids: NDArray[np.integer[Any]], offsets: IntArray, n_ids: int) -> IntArray:
    """(V,) int64, one number for each pair of a row (from the first of `offsets` on) and a code."""
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64) * n_ids, np.diff(offsets))
    rows += ids
    return rows


def _place(ordered: IntArray, pairs: IntArray) -> IntArray:
    """(V,) int64, where each pair is among the ordered ones; -1 where it is not."""
    if len(ordered) == 0:
        return np.full(len(pairs), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(ordered, pairs), len(ordered) - 1)
    place[ordered[place] != pairs] = -1
    return place
