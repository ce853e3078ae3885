"""Whose history each user gets: a random permutation without fixed points, repaired where a donor does not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rerank_guard.core.listed import id_blocks
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["DonorFit", "cyclic_permutation", "improve_donors"]

_DONORS_TRIED = 64


class DonorFit:
    """How unfit a donor is for a user: 4 for an equal history or the same query, 1 for a leak, 5 for both."""

    def __init__(self, table: TaskTable) -> None:
        """Number the different histories and queries of at least one task."""
        self._table = table
        self._history = first_equal_rows(table.histories)
        self._query = first_equal_rows(table.query_ids.encoded)
        self._history_ids = Ragged(table.pool.id_codes(table.histories.values), table.histories.offsets)

    def cost_for(self, user: int) -> Callable[[int], int]:
        """From a donor to its cost for this user; two leaks still weigh less than one equal history."""
        candidates = set(self._table.pool.id_codes(self._table.candidates.row(user)).tolist())
        history, query = self._history[user], self._query[user]

        def cost(donor: int) -> int:
            leaks = not candidates.isdisjoint(self._history_ids.row(donor).tolist())
            same = self._history[donor] == history or self._query[donor] == query
            return 4 * bool(same) + leaks

        return cost

    def costs(self, donors: IntArray) -> IntArray:
        """(U,) int64, of each user's donor."""
        return 4 * self.same(donors) + self.leaking(donors)

    def same(self, donors: IntArray) -> BoolArray:
        """(U,) True where the donor's history is equal to the user's own, or is of the same query."""
        return np.asarray((self._history == self._history[donors]) | (self._query == self._query[donors]))

    def leaking(self, donors: IntArray) -> BoolArray:
        """(U,) True where the donor's history holds one of the user's candidates."""
        leaks = np.zeros(len(donors), dtype=np.bool_)
        n_ids = len(self._table.pool.ids)
        offsets = self._table.candidates.offsets
        for start, stop, ids in id_blocks(self._table):
            rows = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
            taken = self._history_ids.take(donors[start:stop])
            pairs = np.isin(taken.row_of_value() * n_ids + taken.values, rows * n_ids + ids)
            leaks[start + taken.row_of_value()[pairs]] = True
        return leaks


def cyclic_permutation(n: int, rng: np.random.Generator) -> list[int]:
    """One random cycle through all of 0 to n - 1, so that none is its own donor.

    Source: Sattolo 1986, "An algorithm to generate a random cyclic permutation".
    """
    order = list(range(n))
    others = rng.integers(np.arange(n - 1, 0, -1)).tolist() if n > 1 else []
    for last, other in zip(range(n - 1, 0, -1), others, strict=True):
        order[last], order[other] = order[other], order[last]
    return order


def improve_donors(donors: list[int], fit: DonorFit, rng: np.random.Generator) -> None:
    """Exchange unfit donors, in place; no exchange gives a user the own history or raises the two costs together.

    Each user with an unfit donor is offered the donors of up to 64 other users, drawn at random.
    """
    n = len(donors)
    current = fit.costs(np.array(donors, dtype=np.int64)).tolist()
    for user in range(n):
        if current[user] == 0:
            continue
        cost_for_user = fit.cost_for(user)
        others = rng.permutation(n) if n <= _DONORS_TRIED else rng.integers(n, size=_DONORS_TRIED)
        for other in others.tolist():
            mine, yours = donors[user], donors[other]
            if user in (other, yours) or other == mine:
                continue
            traded = cost_for_user(yours)
            if traded >= current[user]:
                continue
            given = fit.cost_for(other)(mine)
            if traded + given < current[user] + current[other]:
                donors[user], donors[other] = yours, mine
                current[user], current[other] = traded, given
                if traded == 0:
                    break
