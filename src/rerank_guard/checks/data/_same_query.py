"""Test tasks that the same query has in training, with the same target item and much the same history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from rerank_guard.checks.data._task_pairs import Split, TaskPairs
from rerank_guard.core.listed import distinct_per_row
from rerank_guard.core.membership import target_in_history
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["same_query"]

_CONTROLS = 4
_MOST_CONTROLLED = 20_000


@dataclass(slots=True)
class _Control:
    """How often unrelated tasks meet the rules.

    Attributes:
        n: pairs that were looked at.
        alike: pairs that look like the same choice.
        sharing: pairs whose histories share an item.
    """

    n: int = 0
    alike: int = 0
    sharing: int = 0


def same_query(training: Split, test: Split, alpha: float, min_repeats: float) -> tuple[IntArray, int]:
    """Test tasks that are the same query's same choice in training.

    Args:
        training: the tasks that were trained on.
        test: the tasks that are tested on, numbered as those are.
        alpha: of the test against unrelated tasks.
        min_repeats: share of tasks that show an item taken twice from which on users take items again.

    Returns:
        (T,) int64, the first training row of each test task's same choice, -1 where there is none; and how many test
        tasks share query and target item with a training task at all.
    """
    pairs = _of_one_query_and_target(training, test)
    shared = np.unique(pairs.other_rows)
    nothing = np.full(len(test.table), -1, dtype=np.int64)
    if len(pairs) == 0:
        return nothing, 0
    again = _takes_items_again(training, test, min_repeats)
    strict, loose = _first_matches(pairs, again)
    of_target, anywhere = _controls(pairs.where(slice(None, None, len(pairs) // _MOST_CONTROLLED + 1)), again)
    n_strict, n_loose = int((strict >= 0).sum()), int((loose >= 0).sum())
    found = nothing
    if all(
        control.alike == 0 or _more(n_strict, len(shared), control.alike, control.n, alpha)
        for control in (of_target, anywhere)
    ):
        found = strict
    if not again and _more(n_loose, len(shared), of_target.sharing, of_target.n, alpha):
        found = np.where(found >= 0, found, loose)
    return found, len(shared)


def _of_one_query_and_target(training: Split, test: Split) -> TaskPairs:
    """All pairs of a training and a test task with the same query and target item, in the order of training."""
    trained = training.query * training.n_numbers + training.target
    tested = test.query * test.n_numbers + test.target
    order = np.argsort(tested, kind="stable")
    first = np.searchsorted(tested[order], trained, side="left")
    times = np.searchsorted(tested[order], trained, side="right") - first
    rows = np.repeat(np.arange(len(trained)), times)
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    return TaskPairs(training, rows, test, order[np.repeat(first, times) + turn])


def _first_matches(pairs: TaskPairs, again: bool) -> tuple[IntArray, IntArray]:
    """(T,) each: the first training row that is the same choice, and the first whose history shares an item; or -1."""
    strict, loose = (np.full(len(pairs.other.table), -1, dtype=np.int64) for _ in range(2))
    for part in pairs.chunks():
        part = part.where((strict[part.other_rows] < 0) | (loose[part.other_rows] < 0))
        for found, met in ((strict, _same_choice(part, again)), (loose, part.shares_an_item)):
            test_rows, first = np.unique(part.other_rows[met], return_index=True)
            is_new = found[test_rows] < 0
            found[test_rows[is_new]] = part.rows[met][first[is_new]]
    return strict, loose


def _same_choice(pairs: TaskPairs, again: bool) -> BoolArray:
    return pairs.is_same_ending_choice if again else pairs.is_same_choice


def _takes_items_again(training: Split, test: Split, min_repeats: float) -> bool:
    """Whether such a share of tasks shows an item taken twice."""
    found = total = 0
    for table in (training.table, test.table):
        repeats = distinct_per_row(table.histories, table.pool.id_code) < table.histories.lengths
        found += int((repeats | target_in_history(table)).sum())
        total += len(table)
    return found >= min_repeats * total


def _controls(pairs: TaskPairs, again: bool) -> tuple[_Control, _Control]:
    """Each training task of these pairs with test tasks of other queries: of the same target item, and from anywhere."""
    n_test = len(pairs.other.table)
    steps = np.arange(1, _CONTROLS + 1) * max(1, n_test // (_CONTROLS + 1))
    anywhere = (pairs.other_rows[:, None] + steps) % n_test
    return tuple(_counted(pairs, others, again) for others in (_of_same_target(pairs), anywhere))  # type: ignore[return-value]


def _of_same_target(pairs: TaskPairs) -> IntArray:
    """(P, C) int64, the first test tasks with the pair's target item; -1 where there are no more."""
    test = pairs.other
    order = np.argsort(test.target, kind="stable")
    first, end = (
        np.searchsorted(test.target[order], pairs.one.target[pairs.rows], side=side) for side in ("left", "right")
    )
    place = first[:, None] + np.arange(2 * _CONTROLS + 1)
    return np.where(place < end[:, None], order[np.minimum(place, len(order) - 1)], -1)


def _counted(pairs: TaskPairs, others: IntArray, again: bool) -> _Control:
    """others: (P, C) test rows to compare each training task with; the first four of other queries count."""
    of_other_query = (others >= 0) & (pairs.other.query[others] != pairs.one.query[pairs.rows][:, None])
    of_other_query &= np.cumsum(of_other_query, axis=1) <= _CONTROLS
    pair, column = np.nonzero(of_other_query)
    control = _Control(n=len(pair))
    for part in TaskPairs(pairs.one, pairs.rows[pair], pairs.other, others[pair, column]).chunks():
        control.alike += int(_same_choice(part, again).sum())
        control.sharing += int(part.shares_an_item.sum())
    return control


def _more(hits: int, n: int, control_hits: int, n_controls: int, level: float) -> bool:
    """Fisher's exact test, one-sided: hits of n are more than control_hits of n_controls."""
    if n_controls == 0 or hits == 0:
        return False
    return bool(hypergeom.sf(hits - 1, n + n_controls, hits + control_hits, n) <= level)
