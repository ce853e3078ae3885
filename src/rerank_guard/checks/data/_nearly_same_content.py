"""Test tasks that another query has in training with the same target item after nearly the same history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from rerank_guard.checks.data._task_pairs import Split, TaskPairs
from rerank_guard.core.listed import distinct_per_row
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["nearly_same_content"]

_Hashes = NDArray[np.uint64]

_MOST_KEYS = 2**23
_CONTROLS = 2_000
_OF_ENDINGS, _OF_SETS = np.uint64(1), np.uint64(2)


@dataclass(frozen=True, slots=True, eq=False)
class _Keys:
    """What two nearly equal tasks have in common: one number each, of which a task has several.

    Attributes:
        group: (K,) int64, the number of each key; equal keys have one number.
        row: (K,) int64, its task: those of training first, then those of the test.
        n_trained: tasks of training.
        query: (T + U,) int64, the number of each task's query.
    """

    group: IntArray
    row: IntArray
    n_trained: int
    query: IntArray

    @classmethod
    def of(cls, training: Split, test: Split) -> _Keys:
        n_trained = len(training.table)
        keys, rows = [], []
        endings_alone = training.histories.lengths.sum() + test.histories.lengths.sum() > _MOST_KEYS
        for split, first in ((training, 0), (test, n_trained)):
            for key, row in _keys_of(split, endings_alone):
                keys.append(key)
                rows.append(row + first)
        group = np.unique(np.concatenate(keys), return_inverse=True)[1].reshape(-1)
        return cls(group, np.concatenate(rows), n_trained, np.concatenate([training.query, test.query]))

    def pairs(self) -> tuple[IntArray, IntArray]:
        """(P,) each: a test task and the first training task of another query with a key that no split has twice by itself."""
        of_test = self.row >= self.n_trained
        lead = self._first_of_group(~of_test)
        partner = lead[self.group]
        found = of_test & (partner >= 0) & ~self._is_natural()[self.group]
        found &= self.query[self.row] != self.query[np.maximum(partner, 0)]
        tests, first = np.unique(self.row[found], return_index=True)
        return tests - self.n_trained, partner[found][first]

    def natural_pairs(self) -> tuple[IntArray, IntArray]:
        """(P,) each: a task, and the first one of its own split with the same key, which another query has."""
        ones, others = [], []
        for mine in (self.row < self.n_trained, self.row >= self.n_trained):
            partner = self._first_of_group(mine)[self.group]
            found = mine & (partner >= 0) & (self.query[self.row] != self.query[np.maximum(partner, 0)])
            rows, first = np.unique(self.row[found], return_index=True)
            ones.append(rows)
            others.append(partner[found][first])
        return np.concatenate(ones), np.concatenate(others)

    def _first_of_group(self, mine: BoolArray) -> IntArray:
        """(G,) the first of these tasks with each key, -1 without one."""
        most = np.iinfo(np.int64).max
        first = np.full(int(self.group.max(initial=-1)) + 1, most, dtype=np.int64)
        np.minimum.at(first, self.group[mine], self.row[mine])
        return np.where(first == most, -1, first)

    def _is_natural(self) -> BoolArray:
        """(G,) whether two queries of one split have the key."""
        natural = np.zeros(int(self.group.max(initial=-1)) + 1, dtype=np.bool_)
        for mine in (self.row < self.n_trained, self.row >= self.n_trained):
            partner = self._first_of_group(mine)[self.group]
            natural[self.group[mine & (self.query[self.row] != self.query[np.maximum(partner, 0)])]] = True
        return natural


def nearly_same_content(training: Split, test: Split, alpha: float) -> IntArray:
    """Test tasks whose choice another query made in training after nearly the same history.

    Nearly the same are histories with the same last items (`min_history` of them), and histories of which one item is
    missing, added or exchanged, in any order. Users of one split come as near to each other by chance as users of two
    do, so the pairs have to be more than that explains, by a binomial test at `alpha`; or to have much the same
    candidates, where no pair of one split has.

    Args:
        training: the tasks that were trained on.
        test: the tasks that are tested on, numbered as those are.
        alpha: of the test against what users of one split share.

    Returns:
        (T,) int64, a training row of each such test task, -1 for all others.
    """
    found = np.full(len(test.table), -1, dtype=np.int64)
    keys = _Keys.of(training, test)
    tests, trained = keys.pairs()
    if len(tests) == 0:
        return found
    one, other = keys.natural_pairs()
    share = len(training.table) / (len(training.table) + len(test.table))
    n = len(tests) + len(one)
    by_chance = float(binom.sf(len(tests) - 1, n, 2.0 * share * (1.0 - share)))
    if by_chance <= alpha:
        same = np.ones(len(tests), dtype=np.bool_)
    elif _lists_tell(training, one[one < keys.n_trained], other[one < keys.n_trained]):
        pairs = TaskPairs(training, trained, test, tests)
        same = np.concatenate([part.candidates_alike for part in pairs.chunks()])
    else:
        same = np.zeros(len(tests), dtype=np.bool_)
    found[tests[same]] = trained[same]
    return found


def _lists_tell(training: Split, rows: IntArray, others: IntArray) -> bool:
    """Whether no two lists of training are alike: of these pairs, nor of neighbours."""
    n = len(training.table)
    neighbours = np.arange(max(0, min(_CONTROLS, n - 1)), dtype=np.int64)
    differing = training.target[neighbours] != training.target[np.minimum(neighbours + 1, n - 1)]
    neighbours = neighbours[differing]
    one = np.concatenate([rows[:_CONTROLS], neighbours])
    other = np.concatenate([others[:_CONTROLS], neighbours + 1])
    return not any(bool(part.candidates_alike.any()) for part in TaskPairs(training, one, training, other).chunks())


def _keys_of(split: Split, endings_alone: bool) -> list[tuple[_Hashes, IntArray]]:
    """Keys with their tasks: of the last items, of the set of items, and of that set less each item."""
    least, histories = split.rule.min_history, split.histories
    target = _mixed(split.target.astype(np.uint64))
    rows = np.flatnonzero(distinct_per_row(histories) >= least)
    taken = histories.take(rows)
    ends = taken.offsets[1:]
    ending = np.zeros(len(rows), dtype=np.uint64)
    for back in range(1, least + 1):
        ending = _mixed(ending + taken.values[ends - back].astype(np.uint64) + np.uint64(back))
    keys = [(_mixed(ending + target[rows] + _OF_ENDINGS), rows)]
    if endings_alone:
        return keys
    row, value = _different(taken)
    weight = _mixed(value.astype(np.uint64) + _OF_SETS)
    n_items = np.bincount(row, minlength=len(rows))
    total = np.zeros(len(rows), dtype=np.uint64)
    np.add.at(total, row, weight)  # modulo 2^64, so that the order does not matter
    keys.append((_mixed(total + target[rows] + _OF_SETS), rows))
    enough = n_items[row] > least
    less_one = total[row] - weight
    keys.append((_mixed(less_one + target[rows][row] + _OF_SETS)[enough], rows[row][enough]))
    return keys


def _different(rows: Ragged[np.int32]) -> tuple[IntArray, IntArray]:
    """(V,) each: row and value of the different values of each row."""
    base = int(rows.values.max(initial=0)) + 1
    both = np.unique(rows.row_of_value() * base + rows.values)
    return both // base, both % base


def _mixed(values: _Hashes) -> _Hashes:
    """Each number scattered over 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
