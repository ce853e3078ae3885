"""Training tasks of users whose test history is known: in which order both list the items that they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rerank_guard.checks.data._evenly_spaced import rows_evenly_spaced
from rerank_guard.checks.data._task_pairs import Split
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["SharedHistories", "SharedRule", "shared_histories"]

_MOST_TASKS = 2_000
_MOST_TESTS = 50
"""Test tasks with a training task's rarest item that are compared with it."""


@dataclass(frozen=True, slots=True)
class SharedRule:
    """When two tasks are taken to be of one user.

    Attributes:
        min_items: items that both histories have.
        min_share: the same as a share of the shorter history.
        times_natural: times as often as test tasks match each other, which are of different users.
    """

    min_items: int
    min_share: float
    times_natural: float


@dataclass(frozen=True, slots=True, eq=False)
class SharedHistories:
    """What was found, one entry for each test task that training tasks share a history with.

    Attributes:
        test, training: (n,) int64, the test task, and the first training task that matched it.
        in_order: (n,) the mean share of the pairs of neighbours in training that the test history has in that order.
        with_target: (m,) int64, those test tasks whose history (or target item) also tells when a training target item was
            taken.
        before_target: (m,) the mean share of the shared items that were taken before it.
    """

    test: IntArray
    training: IntArray
    in_order: FloatArray
    with_target: IntArray
    before_target: FloatArray


def shared_histories(training: Split, test: Split, rule: SharedRule) -> SharedHistories | None:
    """Match training tasks with test tasks by their items; None where users who are alike match nearly as often.

    At most 2,000 training tasks are looked at, evenly spaced.
    """
    rows = rows_evenly_spaced(len(training.table), _MOST_TASKS).tolist()
    histories = [training.histories.row(row).tolist() for row in rows]
    tests = _Tests(test, rule)
    found = [tests.match(history, int(training.query[row])) for row, history in zip(rows, histories, strict=True)]
    if tests.natural_share() * rule.times_natural * len(rows) > sum(at is not None for at in found):
        return None
    matched = [
        _compared(training, row, history, at, tests)
        for row, history, at in zip(rows, histories, found, strict=True)
        if at is not None
    ]
    return _by_test_task([each for each in matched if each is not None])


@dataclass(frozen=True, slots=True)
class _Match:
    """A training task beside the test task of its user; shares as in `SharedHistories`."""

    test: int
    training: int
    in_order: float
    before_target: float | None


def _compared(training: Split, row: int, history: list[int], at: int, tests: _Tests) -> _Match | None:
    """The order of the items that both list once; None of fewer than two."""
    places = tests.places(at)
    shared = [places[item] for item in history if history.count(item) == 1 and item in places]
    if len(shared) < 2:
        return None
    in_order = float(np.mean([earlier < later for earlier, later in pairwise(shared)]))
    target = int(training.target[row])
    taken = None if target in history else places.get(target)
    before = None if taken is None else float(np.mean([place < taken for place in shared]))
    return _Match(at, row, in_order, before)


def _by_test_task(matches: list[_Match]) -> SharedHistories:
    of_test: dict[int, list[_Match]] = defaultdict(list)
    for match in matches:
        of_test[match.test].append(match)
    befores = {
        at: [match.before_target for match in group if match.before_target is not None]
        for at, group in of_test.items()
    }
    befores = {at: shares for at, shares in befores.items() if shares}
    return SharedHistories(
        np.array(list(of_test), dtype=np.int64),
        np.array([group[0].training for group in of_test.values()], dtype=np.int64),
        np.array([np.mean([match.in_order for match in group]) for group in of_test.values()], dtype=np.float64),
        np.array(list(befores), dtype=np.int64),
        np.array([np.mean(shares) for shares in befores.values()], dtype=np.float64),
    )


class _Tests:
    """The test tasks, found by an item of their history or by their query."""

    def __init__(self, test: Split, rule: SharedRule) -> None:
        self._rule = rule
        self._histories = [test.histories.row(row).tolist() for row in range(len(test.table))]
        self._targets = test.target.tolist()
        self._query = test.query.tolist()
        self._with_item: dict[int, list[int]] = defaultdict(list)
        self._of_query: dict[int, list[int]] = defaultdict(list)
        for row, history in enumerate(self._histories):
            self._of_query[int(test.query[row])].append(row)
            for item in set(history):
                self._with_item[item].append(row)

    def natural_share(self) -> float:
        """Share of the test tasks of which another one, under another query id, shares as much: users who are alike.

        One more than was found: of few test tasks none may be alike by chance.
        """
        rows = rows_evenly_spaced(len(self._histories), _MOST_TASKS).tolist()
        alike = [self.match(self._histories[row], -1, leave_out=self._own(row)) is not None for row in rows]
        return (sum(alike) + 1) / (len(rows) + 1)

    def _own(self, row: int) -> set[int]:
        """The test tasks of the same user; the task alone where one query id stands for most of the users."""
        same = self._of_query[self._query[row]]
        return {row} if 2 * len(same) > len(self._histories) else set(same)

    def match(self, history: list[int], query: int, *, leave_out: Set[int] = frozenset()) -> int | None:
        """The test task that shares most of a history, if that is enough.

        Args:
            history: items.
            query: number of the query id; test tasks of it are compared first.
            leave_out: test tasks that are not compared.
        """
        known = [item for item in set(history) if item in self._with_item]
        if len(known) < self._rule.min_items:
            return None
        rarest = min(known, key=lambda item: (len(self._with_item[item]), item))
        asked = (*self._of_query.get(query, ()), *self._with_item[rarest][:_MOST_TESTS])
        own = set(history)
        compared = [(row, len(own.intersection(self._histories[row]))) for row in asked if row not in leave_out]
        best, shared = max(compared, key=lambda pair: pair[1], default=(0, 0))
        enough = max(self._rule.min_items, self._rule.min_share * min(len(own), len(set(self._histories[best]))))
        return best if shared >= enough else None

    def places(self, row: int) -> dict[int, int]:
        """Item to its place in a test history, the target item last; without items that come several times."""
        taken = [*self._histories[row], self._targets[row]]
        return {item: place for place, item in enumerate(taken) if taken.count(item) == 1}
