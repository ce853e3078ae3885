"""The item vocabulary of a table of tasks: each (item id, text) pair once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import FloatArray, Item

__all__ = ["Int32Array", "ItemPool"]

Int32Array: TypeAlias = NDArray[np.int32]

_MOST_KEPT = 2**17


class ItemPool:
    """Items by code. One id may come with several texts; each such pair has an item code, the id has one id code.

    Attributes:
        ids: (I,) the different ids, by id code.
        texts: (V,) text of each item, by item code.
        id_code: (V,) int32, id code of each item.
        is_one_text_per_id: item codes and id codes are the same numbers, for all V items.
    """

    __slots__ = ("_items", "id_code", "ids", "is_one_text_per_id", "texts")

    def __init__(self, ids: TextPool, texts: TextPool, id_code: Int32Array) -> None:
        self.ids = ids
        self.texts = texts
        self.id_code = id_code
        self.is_one_text_per_id = bool((id_code == np.arange(len(id_code))).all())
        self._items = _RecentItems(self)

    def __len__(self) -> int:
        return len(self.texts)

    def __reduce__(self) -> tuple[type[ItemPool], tuple[TextPool, TextPool, Int32Array]]:
        return ItemPool, (self.ids, self.texts, self.id_code)

    def items(self, codes: Iterable[int]) -> tuple[Item, ...]:
        """The items of these codes. Equal codes give the same object while it is among the recent ones."""
        return tuple(map(self._items.__getitem__, codes))

    def id_codes(self, codes: Int32Array) -> Int32Array:
        """The id code of each item code, any shape; the array itself where both are the same numbers."""
        return codes if self.is_one_text_per_id else self.id_code[codes]

    def of_ids(self, values: Mapping[str, float], unknown: float) -> FloatArray:
        """(I,) float64, the value of each id, by id code; `unknown` where the mapping lacks it."""
        found = (values.get(item_id, unknown) for item_id in self.ids)
        return np.fromiter(found, dtype=np.float64, count=len(self.ids))

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return int(self.ids.nbytes + self.texts.nbytes + self.id_code.nbytes)


class _RecentItems(dict[int, Item]):
    """Items by code, made when first asked for; forgotten together when there are too many."""

    __slots__ = ("_pool",)

    def __init__(self, pool: ItemPool) -> None:
        super().__init__()
        self._pool = pool

    def __missing__(self, code: int) -> Item:
        item = Item(self._pool.ids[int(self._pool.id_code[code])], self._pool.texts[code])
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[code] = item
        return item
