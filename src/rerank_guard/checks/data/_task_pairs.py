"""Pairs of tasks, such as one of each split: what their histories and candidates share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rerank_guard.core.item_pool import Int32Array
from rerank_guard.core.item_use import codes_in
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["SameChoice", "Split", "TaskPairs", "numbered_alike"]

_AT_ONCE = 2**13
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class SameChoice:
    """When two tasks are one choice; see `split_disjoint` for the settings.

    Attributes:
        min_items: history items that have to be shared, and that a history needs to tell anything.
        min_share: share that has to be shared, of the shorter history, or of the other candidates.
        min_history: different history items before which equal choices of two queries are one without a look at the
            candidates.
    """

    min_items: int
    min_share: float
    min_history: int

    def enough(self, shared: IntArray, n_one: IntArray, n_other: IntArray) -> BoolArray:
        """Whether so many of the smaller of two sets are enough."""
        return np.asarray(shared >= self.min_share * np.minimum(n_one, n_other) - _ROUNDING)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The tasks of one split, with item ids and query ids numbered as those of the other split are.

    Attributes:
        table: T tasks.
        number: (I,) int32, the number of each id code of the table.
        n_numbers: all numbers of both splits are below it.
        histories: numbers, one row a task, oldest first.
        target: (T,) int32, the number of each target item.
        query: (T,) int64, the number of each query id.
        rule: what makes two tasks one choice.
    """

    table: TaskTable
    number: Int32Array
    n_numbers: int
    histories: Ragged[np.int32]
    target: Int32Array
    query: IntArray
    rule: SameChoice

    def candidates(self, rows: IntArray) -> Ragged[np.int32]:
        """The numbers of these tasks' candidates."""
        listed = self.table.candidates.take(rows)
        return Ragged(self.number[self.table.pool.id_codes(listed.values)], listed.offsets)


def numbered_alike(training: TaskTable, test: TaskTable, rule: SameChoice) -> tuple[Split, Split]:
    """Both splits with one number for each item id and each query id."""
    n_trained = len(training.pool.ids)
    place = codes_in(test.pool.ids, training.pool.ids)
    tested = np.where(place >= 0, place, n_trained + np.arange(len(place))).astype(np.int32)
    queries: dict[str, int] = {}

    def split(table: TaskTable, number: Int32Array) -> Split:
        query = (queries.setdefault(query_id, len(queries)) for query_id in table.query_ids)
        return Split(
            table=table,
            number=number,
            n_numbers=n_trained + len(tested),
            histories=Ragged(number[table.pool.id_codes(table.histories.values)], table.histories.offsets),
            target=number[table.target],
            query=np.fromiter(query, dtype=np.int64, count=len(table)),
            rule=rule,
        )

    return split(training, np.arange(n_trained, dtype=np.int32)), split(test, tested)


@dataclass(frozen=True, eq=False)
class TaskPairs:
    """P pairs of tasks, for which everything is computed when it is first asked for.

    Attributes:
        one, other: their splits, which may be the same one.
        rows: (P,) int64, the first task of each pair.
        other_rows: (P,) int64, the second one.
    """

    one: Split
    rows: IntArray
    other: Split
    other_rows: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def chunks(self) -> Iterator[TaskPairs]:
        """The same pairs in their order, some thousand at once, so that temporaries stay small."""
        for start in range(0, len(self), _AT_ONCE):
            yield self.where(np.arange(start, min(start + _AT_ONCE, len(self)), dtype=np.int64))

    def where(self, kept: BoolArray | IntArray | slice) -> TaskPairs:
        """Those of a (P,) mask, or of these places."""
        return TaskPairs(self.one, self.rows[kept], self.other, self.other_rows[kept])

    @cached_property
    def is_same_choice(self) -> BoolArray:
        """(P,) whether the histories before two choices of one item tell that it is one choice.

        So many history items and such a share of the shorter history shared; or, where a history is shorter, equal
        histories and such a share of the other candidates.
        """
        n_one, n_other, shared = self._history
        rule = self.one.rule
        return self._decided((shared >= rule.min_items) & rule.enough(shared, n_one, n_other))

    @cached_property
    def is_same_ending_choice(self) -> BoolArray:
        """(P,) the same where users take items again: the longer of two histories ends with the shorter one."""
        return self._decided(self._ends_alike)

    @cached_property
    def shares_an_item(self) -> BoolArray:
        """(P,) whether the histories have an item in common."""
        return np.asarray(self._history[2] > 0)

    @cached_property
    def candidates_alike(self) -> BoolArray:
        """(P,) whether enough of the candidates beside the target items are the same, and at least one."""
        n_one, n_other, shared = self._overlap(
            _without(self.one.candidates(self.rows), self.one.target[self.rows]),
            _without(self.other.candidates(self.other_rows), self.other.target[self.other_rows]),
        )
        return np.asarray((shared >= 1) & self.one.rule.enough(shared, n_one, n_other))

    def _decided(self, by_history: BoolArray) -> BoolArray:
        lengths, other_lengths = self._lengths
        short = np.minimum(lengths, other_lengths) < self.one.rule.min_items
        same = by_history & ~short
        equal = np.flatnonzero(short & (lengths == other_lengths) & self._ends_alike)
        same[equal] = self.where(equal).candidates_alike
        return same

    @cached_property
    def _lengths(self) -> tuple[IntArray, IntArray]:
        return self.one.histories.lengths[self.rows], self.other.histories.lengths[self.other_rows]

    @cached_property
    def _history(self) -> tuple[IntArray, IntArray, IntArray]:
        """(P,) each: different items of the one history, of the other, and shared ones."""
        return self._overlap(self.one.histories.take(self.rows), self.other.histories.take(self.other_rows))

    @cached_property
    def _ends_alike(self) -> BoolArray:
        """(P,) whether the longer history ends with the shorter one."""
        length = np.minimum(*self._lengths)
        pair = np.repeat(np.arange(len(self)), length)
        back = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length) + 1
        one, other = self.one.histories, self.other.histories
        last = one.values[one.offsets[self.rows + 1][pair] - back]
        other_last = other.values[other.offsets[self.other_rows + 1][pair] - back]
        return np.asarray(np.bincount(pair[last != other_last], minlength=len(self)) == 0)

    def _overlap(self, one: Ragged[np.int32], other: Ragged[np.int32]) -> tuple[IntArray, IntArray, IntArray]:
        """(P,) each: different values of the rows of the one, of the other, and of both."""
        n_numbers = self.one.n_numbers
        first, second = (np.unique(rows.row_of_value() * n_numbers + rows.values) for rows in (one, other))
        both = np.intersect1d(first, second, assume_unique=True)
        n_first, n_second, n_both = (
            np.bincount(keys // n_numbers, minlength=len(self)) for keys in (first, second, both)
        )
        return n_first, n_second, n_both


def _without(rows: Ragged[np.int32], left_out: Int32Array) -> Ragged[np.int32]:
    """The rows without one value of each."""
    row = rows.row_of_value()
    kept = rows.values != left_out[row]
    ends = np.searchsorted(row[kept], np.arange(len(rows) + 1))
    return Ragged(rows.values[kept], ends)
