"""Which items a table uses and how, and values that are computed once for each different text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from rerank_guard.core.item_pool import Int32Array, ItemPool
from rerank_guard.core.listed import id_blocks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["codes_in", "ids_per_key", "negative_items", "text_codes", "used_items"]

_Key = TypeVar("_Key")


def used_items(table: TaskTable) -> BoolArray:
    """(V,) bool, by item code: the items that some history or candidate list of this table has.

    The vocabulary may hold more: tables that were cut from one share it, and a target item need not be listed.
    """
    used = np.zeros(len(table.pool), dtype=np.bool_)
    used[table.candidates.values] = True
    used[table.histories.values] = True
    return used


def negative_items(table: TaskTable) -> BoolArray:
    """(V,) bool, by item code: the items that some list has, by item id, beside its target item."""
    used = np.zeros(len(table.pool), dtype=np.bool_)
    offsets = table.candidates.offsets
    for start, stop, ids in id_blocks(table):
        is_target = ids == np.repeat(table.target[start:stop], np.diff(offsets[start : stop + 1]))
        used[table.candidates.values[offsets[start] : offsets[stop]][~is_target]] = True
    return used


def text_codes(pool: ItemPool, key: Callable[[str], _Key]) -> tuple[Int32Array, list[_Key]]:
    """Items grouped by what a function makes of their texts, such as the text without case.

    Args:
        pool: the items.
        key: text to something that can be hashed.

    Returns:
        (V,) int32 by item code, the number of its key; and the different keys, in the order of their numbers.
    """
    number: dict[_Key, int] = {}
    codes = (number.setdefault(key(text), len(number)) for text in pool.texts)
    return np.fromiter(codes, dtype=np.int32, count=len(pool)), list(number)


def ids_per_key(table: TaskTable, key_of: Int32Array, n_keys: int) -> IntArray:
    """(n_keys,) int64, how many different item ids each key has among the items that this table uses.

    Args:
        table: the tasks.
        key_of: (V,) key of each item, from 0 to n_keys - 1, as `text_codes` gives it.
        n_keys: the number of keys.
    """
    used = np.flatnonzero(used_items(table))
    pairs = np.unique(key_of[used].astype(np.int64) * max(1, len(table.pool.ids)) + table.pool.id_code[used])
    return np.bincount(pairs // max(1, len(table.pool.ids)), minlength=n_keys)


def codes_in(texts: TextPool, others: TextPool) -> IntArray:
    """(n,) int64, the place of each text among others, which are all different; -1 where it is not there.

    With the ids of two pools it brings the id codes of one table into those of another.
    """
    place = {text: at for at, text in enumerate(others)}
    return np.fromiter((place.get(text, -1) for text in texts), dtype=np.int64, count=len(texts))
