"""Test tasks that another query has in training: the same target item after the same history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from rerank_guard.checks.data._task_pairs import Split, TaskPairs
from rerank_guard.core.listed import distinct_per_row
from rerank_guard.core.ragged import stacked
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["same_content"]


@dataclass(frozen=True, slots=True, eq=False)
class _Choices:
    """The different choices of one split, each a target item after a history.

    Attributes:
        choice: (C,) int64, their numbers, ascending.
        first: (C,) int64, the first task that made each.
        shared: (C,) bool, those that more than one query made.
        alike: whether any of these queries had much the same candidates too.
    """

    choice: IntArray
    first: IntArray
    shared: BoolArray
    alike: bool

    @classmethod
    def of(cls, split: Split, rows: IntArray, choice: IntArray) -> _Choices:
        """Of these tasks of a split, in ascending order; choice: (n,) the number of each one's choice."""
        different, first, group = np.unique(choice, return_index=True, return_inverse=True)
        lead = rows[first]
        others = split.query[rows] != split.query[lead[group]]
        shared = np.zeros(len(different), dtype=np.bool_)
        shared[group[others]] = True
        pairs = TaskPairs(split, lead[group[others]], split, rows[others])
        return cls(different, lead, shared, any(bool(part.candidates_alike.any()) for part in pairs.chunks()))


def same_content(training: Split, test: Split, alpha: float) -> IntArray:
    """Test tasks whose choice another query made in training after the same history of enough different items.

    Args:
        training: the tasks that were trained on.
        test: the tasks that are tested on, numbered as those are.
        alpha: of the test against what users of one split share.

    Returns:
        (T,) int64, the first training row of each such test task, -1 for all others; of several test tasks that made one
        choice, only the first is named.
    """
    found = np.full(len(test.table), -1, dtype=np.int64)
    trained, tested = (distinct_per_row(split.histories) for split in (training, test))
    rule = training.rule
    for long in (True, False):
        rows, test_rows = (
            np.flatnonzero((n_items >= rule.min_items) & ((n_items >= rule.min_history) == long))
            for n_items in (trained, tested)
        )
        choice = _numbered(training, rows, test, test_rows)
        _find(
            found,
            _Choices.of(training, rows, choice[: len(rows)]),
            _Choices.of(test, test_rows, choice[len(rows) :]),
            (training, test),
            long,
            alpha,
        )
    return found


def _numbered(training: Split, rows: IntArray, test: Split, test_rows: IntArray) -> IntArray:
    """(n + m,) int64, one number for each history and target item, of these tasks of both splits."""
    return first_equal_rows(
        stacked(training.histories.take(rows), test.histories.take(test_rows)),
        np.concatenate([training.target[rows], test.target[test_rows]]),
    )


def _find(
    found: IntArray,
    trained: _Choices,
    tested: _Choices,
    splits: tuple[Split, Split],
    long: bool,
    alpha: float,
) -> None:
    """Write the training row of each test task that is the same choice into `found`."""
    training, test = splits
    _, of_training, of_test = np.intersect1d(trained.choice, tested.choice, assume_unique=True, return_indices=True)
    pairs = TaskPairs(training, trained.first[of_training], test, tested.first[of_test])
    is_other_query = training.query[pairs.rows] != test.query[pairs.other_rows]
    pairs = pairs.where(is_other_query)
    if len(pairs) == 0:
        return
    natural = (trained.shared[of_training] | tested.shared[of_test])[is_other_query]
    n_natural = len(np.union1d(trained.choice[trained.shared], tested.choice[tested.shared]))
    n_across = int((~natural).sum())
    share = len(trained.choice) / (len(trained.choice) + len(tested.choice))
    # of two tasks drawn from all, that they come from both splits
    by_chance = float(binom.sf(n_across - 1, n_across + n_natural, 2.0 * share * (1.0 - share)))
    same = np.zeros(len(pairs), dtype=np.bool_)
    if long and n_natural == 0:
        same[:] = True
    elif not (trained.alike or tested.alike):
        same = np.concatenate([part.candidates_alike for part in pairs.chunks()])
    if by_chance <= alpha:
        same |= ~natural
    found[pairs.other_rows[same]] = pairs.rows[same]
