"""Which rows of a table are equal to an earlier one: lists given twice, query ids that come again, equal histories."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.ragged import Ragged, row_blocks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray

__all__ = [
    "distinct_tasks",
    "first_equal_rows",
    "first_of_equal_lists",
    "first_of_equal_questions",
    "mean_of_equals",
]

_Part: TypeAlias = Ragged[Any] | NDArray[np.integer[Any]]
_Hashes: TypeAlias = NDArray[np.uint64]

_COMPARED_AT_ONCE = 2**13


def distinct_tasks(table: TaskTable) -> IntArray:
    """(n,) int64, ascending: the tasks whose list no earlier task has; see `first_of_equal_lists`."""
    first = first_of_equal_lists(table)
    return np.flatnonzero(first == np.arange(len(table)))


def first_of_equal_lists(table: TaskTable) -> IntArray:
    """(T,) int64, for each task the first one with the same candidate ids in the same order and the same target item.

    One list that is given under several query ids was drawn once, together with its target item. A list of which more
    than half of the items are a target item somewhere is a fixed one (a small catalogue), from which each query draws
    its target item: there only one query id that comes again is a repeat.
    """
    return first_equal_rows(table.target, _query_where_fixed(table), _candidate_ids(table))


def first_of_equal_questions(table: TaskTable) -> IntArray:
    """The same, where the query text and the history are equal too.

    A reranker answers such a task in the same way whatever its query id is, so it is no further observation.
    """
    parts: list[_Part] = [table.target, _query_where_fixed(table), _candidate_ids(table), table.histories]
    return first_equal_rows(*parts, *([] if table.queries is None else [table.queries.encoded]))


def mean_of_equals(values: FloatArray, first: IntArray) -> FloatArray:
    """(n,) the mean of each group of equal tasks, in the order of their first ones.

    Args:
        values: (T,), one a task.
        first: (T,) the first task of each task's group.
    """
    groups, member = np.unique(first, return_inverse=True)
    if len(groups) == len(values):
        return values
    return np.asarray(np.bincount(member, weights=values) / np.bincount(member), dtype=np.float64)


def _query_where_fixed(table: TaskTable) -> IntArray:
    """(T,) the first task with the same query id where the list is a fixed one, else -1."""
    own_list = first_equal_rows(_candidate_ids(table))
    of_pair, _ = np.unique(np.stack([own_list, table.target.astype(np.int64)]), axis=1)
    targets = np.bincount(of_pair, minlength=len(table))[own_list]
    fixed = (2 * targets > table.n_candidates) & (table.n_candidates > 1)
    return np.asarray(np.where(fixed, first_equal_rows(table.query_ids.encoded), -1), dtype=np.int64)


def _candidate_ids(table: TaskTable) -> Ragged[Any]:
    ids = table.candidates
    return ids if table.pool.is_one_text_per_id else Ragged(table.pool.id_code[ids.values], ids.offsets)


def first_equal_rows(*parts: _Part) -> IntArray:
    """(R,) int64, for each row the first row that is equal to it in all parts, which may be itself.

    Rows are sorted by a hash of 64 bits, and those of one hash are compared value by value, so the answer is exact.

    Args:
        parts: at least one, of R rows each: rows of integers, or (R,) integers.
    """
    n_rows = len(parts[0])
    first = np.arange(n_rows, dtype=np.int64)
    hashes = np.zeros(n_rows, dtype=np.uint64)
    for part in parts:
        hashes = _mixed(hashes + _row_hashes(part))
    open_rows = first.copy()
    while len(open_rows):  # once, unless different rows share a hash
        _, lead, group = np.unique(hashes[open_rows], return_index=True, return_inverse=True)
        leader = open_rows[lead][group]
        equal = np.ones(len(open_rows), dtype=np.bool_)
        for part in parts:
            equal &= _equal_rows(part, open_rows, leader)
        first[open_rows[equal]] = leader[equal]
        open_rows = open_rows[~equal]
    return first


def _row_hashes(part: _Part) -> _Hashes:
    if not isinstance(part, Ragged):
        return _mixed(part.astype(np.uint64))
    hashes = part.lengths.astype(np.uint64)
    for start, stop in row_blocks(part.offsets):
        rows = part.span(start, stop)
        weight = _mixed(rows.position_of_value().astype(np.uint64) + np.uint64(1))
        sums = np.zeros(len(rows.values) + 1, dtype=np.uint64)
        np.cumsum(_mixed(rows.values.astype(np.uint64) + weight), out=sums[1:])
        hashes[start:stop] += sums[rows.offsets[1:]] - sums[rows.offsets[:-1]]  # modulo 2^64 throughout
    return _mixed(hashes)


def _mixed(values: _Hashes) -> _Hashes:
    """Each number scattered over 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _equal_rows(part: _Part, rows: IntArray, others: IntArray) -> NDArray[np.bool_]:
    """(n,) whether row rows[i] equals row others[i]."""
    if not isinstance(part, Ragged):
        return np.asarray(part[rows] == part[others])
    equal = np.asarray(part.lengths[rows] == part.lengths[others])
    check = np.flatnonzero(equal & (rows != others))
    for start in range(0, len(check), _COMPARED_AT_ONCE):
        at = check[start : start + _COMPARED_AT_ONCE]
        one, other = part.take(rows[at]), part.take(others[at])
        equal[at[one.row_of_value()[one.values != other.values]]] = False
    return equal
