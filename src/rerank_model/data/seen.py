"""Which items each user has taken, as a set that a million pairs can be looked up in at once."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import BoolArray, IntArray
from rerank_model.data.interactions import Interactions

__all__ = ["SeenItems"]


class SeenItems:
    """The distinct (user, item) pairs of some interactions."""

    def __init__(self, interactions: Interactions) -> None:
        """Collect the pairs; the order and number of interactions of a pair do not matter."""
        self._n_items = len(interactions.item_ids)
        # Sorted by hand: np.unique hashes integers in recent numpy, which took ten times as long on these keys.
        keys = np.sort(interactions.pair_keys())
        self._keys: IntArray = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
        self.user_ids = interactions.user_ids
        self.item_ids = interactions.item_ids

    def contains(self, users: IntArray, items: IntArray) -> BoolArray:
        """Whether user took item, elementwise; `users` and `items` broadcast, the result has their joint shape."""
        wanted = users * self._n_items + items
        if len(self._keys) == 0:
            return np.zeros(wanted.shape, dtype=np.bool_)
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.asarray(self._keys[place] == wanted, dtype=np.bool_)

    def items_of(self, user: int) -> IntArray:
        """The item codes that one user took, ascending."""
        first, last = np.searchsorted(self._keys, (user * self._n_items, (user + 1) * self._n_items))
        return self._keys[first:last] - user * self._n_items

    def counts(self, counted: BoolArray) -> IntArray:
        """(U,) int64: how many distinct items with `counted[item]` (I,) each user took."""
        users, items = np.divmod(self._keys, self._n_items)
        return np.bincount(users[counted[items]], minlength=len(self.user_ids)).astype(np.int64)
