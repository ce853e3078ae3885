"""Texts as they are compared, and which of them several items of a table have.

Namesakes are common (remakes, common names), and one item under two ids looks the same; the share of users that other
users' lists explain tells the two apart.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rerank_guard.core.item_pool import Int32Array, ItemPool
from rerank_guard.core.item_use import ids_per_key, text_codes
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = [
    "ByChance",
    "Entries",
    "NamesByRow",
    "ShownTexts",
    "share_of_pairs_that_meet",
    "shown_text",
]

_CONTROLS = 4  # other users that each user is paired with
_MOST_PAIRED = 2**16


@lru_cache(maxsize=65_536)
def shown_text(text: str) -> str:
    """The text as it is compared: case and white space folded, invisible characters left out."""
    if not text.isascii():  # zero-width characters, byte-order marks, soft hyphens
        text = "".join(" " if char.isspace() else char for char in text if not _is_invisible(char))
    return " ".join(text.casefold().split())


def _is_invisible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) in ("Cf", "Cc")


@dataclass(frozen=True, slots=True)
class ByChance:
    """From how many users on namesakes are no chance.

    Attributes:
        standard_errors: of a Poisson count, by which they have to exceed its mean.
        min_users: fewest users, however few there are by chance.
    """

    standard_errors: float
    min_users: int

    def tolerated(self, n: int, share: float) -> float:
        """How many of n users may meet a namesake where `share` of them do by chance."""
        return max(share * n + self.standard_errors * math.sqrt(share * n), self.min_users - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Places of some lists that hold the items looked for (E of them).

    Attributes:
        rows: (E,) int64, the list of each, from 0.
        texts: (E,) int32, the number of its text.
        ids: (E,) int32, its id code.
        places: (E,) int64, where it is among all values of the lists.
    """

    rows: IntArray
    texts: Int32Array
    ids: Int32Array
    places: IntArray

    def where(self, kept: BoolArray) -> Entries:
        """Those of a (E,) mask."""
        return Entries(self.rows[kept], self.texts[kept], self.ids[kept], self.places[kept])


@dataclass(frozen=True, slots=True, eq=False)
class ShownTexts:
    """The texts of a table's items, as `shown_text` has them.

    Attributes:
        code: (V,) int32 by item code, the number of its text.
        texts: the different texts, by number.
        blank: the number of the text that shows nothing; -1 where no item has it.
        few_bearers: (V,) bool by item code, the items whose text two ids or more of this table have, and few. Many ids
            are no re-import of an item: such a text is a placeholder ("nan"), cut short, or a common name.
    """

    code: Int32Array
    texts: list[str]
    blank: int
    few_bearers: BoolArray

    @classmethod
    def of(cls, table: TaskTable, max_bearers: int) -> ShownTexts:
        """The texts of all items; who bears them is counted over histories and candidates.

        Args:
            table: the tasks.
            max_bearers: the most item ids that are few.
        """
        code, texts = text_codes(table.pool, shown_text)
        blank = texts.index("") if "" in texts else -1
        bearers = ids_per_key(table, code, len(texts))
        few = (bearers > 1) & (bearers <= max_bearers)
        if blank >= 0:
            few[blank] = False
        return cls(code, texts, blank, few[code])

    def few_in(self, lists: Ragged[np.int32], pool: ItemPool) -> Entries:
        """The places of these lists of item codes that hold an item of `few_bearers`."""
        places = np.flatnonzero(self.few_bearers[lists.values])
        codes = lists.values[places]
        rows = np.searchsorted(lists.offsets, places, side="right") - 1
        return Entries(rows, self.code[codes], pool.id_code[codes], places)


class NamesByRow:
    """The id under which each task's list shows a text, the last one where several do.

    Args:
        entries: of the lists.
        n_texts: how many different texts there are.
    """

    def __init__(self, entries: Entries, n_texts: int) -> None:
        self._n_texts = n_texts
        keys = self._keys_of(entries.rows, entries.texts)
        self._keys, last = np.unique(keys[::-1], return_index=True)
        self._ids = entries.ids[::-1][last]

    def under_another_id(self, rows: IntArray, texts: Int32Array, ids: Int32Array) -> BoolArray:
        """(n,) bool, whether the list of this row shows this text, and under another id than this."""
        if len(self._keys) == 0:
            return np.zeros(len(rows), dtype=np.bool_)
        keys = self._keys_of(rows, texts)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray((self._keys[place] == keys) & (self._ids[place] != ids))

    def _keys_of(self, rows: IntArray, texts: Int32Array) -> IntArray:
        return np.asarray(rows * self._n_texts + texts, dtype=np.int64)


def share_of_pairs_that_meet(
    lists: Ragged[np.int32], other_lists: Ragged[np.int32], shown: ShownTexts, pool: ItemPool, users: BoolArray
) -> float:
    """How often the one list of a user and the other list of another user show the same text under two ids.

    Each user is paired with four others, spread over all; of more than 65,536 users, every second (third, ...) is taken.

    Args:
        lists: of all T users, item codes.
        other_lists: likewise, of the same users; may be the same ones.
        shown: the texts of their items.
        pool: the items.
        users: (T,) the users that are paired.

    Returns:
        The share of pairs in which they meet; 0 without users.
    """
    chosen = np.flatnonzero(users)
    chosen = chosen[:: len(chosen) // _MOST_PAIRED + 1]
    names = NamesByRow(shown.few_in(lists.take(chosen), pool), len(shown.texts))
    others = shown.few_in(other_lists.take(chosen), pool)
    step, met = max(1, len(chosen) // (_CONTROLS + 1)), 0
    for turn in range(1, _CONTROLS + 1):
        partner = (others.rows - turn * step) % max(1, len(chosen))
        met += len(np.unique(others.rows[names.under_another_id(partner, others.texts, others.ids)]))
    return met / max(1, _CONTROLS * len(chosen))
