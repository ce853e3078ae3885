"""The items that can be recommended, with the text that a prompt shows for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import Item
from rerank_model.data.interactions import Interactions
from rerank_model.errors import DataError

__all__ = ["Catalogue"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items in the order of their source.

    Two items may share a text (MovieLens-100K lists 18 films twice): that is a property of the data, counted by
    `n_shared_texts`, and no reranker can tell such a pair apart.

    Attributes:
        items: each item once, with a text that is not blank.

    Raises:
        DataError: no items, an id that repeats or is empty, or a blank text.
    """

    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise DataError("the catalogue has no items; check the item file.")
        seen: dict[str, str] = {}
        for item in self.items:
            if not item.item_id:
                raise DataError(f"the item with text {item.text!r} has an empty id; give it one.")
            if not item.text.strip():
                raise DataError(
                    f"item {item.item_id!r} has a blank text {item.text!r}; a reranker cannot judge it. "
                    "Choose text columns that are filled, or leave the item out."
                )
            if item.item_id in seen:
                raise DataError(
                    f"item id {item.item_id!r} appears twice, as {seen[item.item_id]!r} and {item.text!r}; "
                    "keep one row an item."
                )
            seen[item.item_id] = item.text

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Catalogue:
        """A catalogue from item id to text, order kept."""
        return cls(tuple(Item(item_id, text) for item_id, text in texts.items()))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """All ids, in order."""
        return tuple(item.item_id for item in self.items)

    @property
    def texts(self) -> dict[str, str]:
        """item_id to text, in order."""
        return {item.item_id: item.text for item in self.items}

    @property
    def n_shared_texts(self) -> int:
        """How many items have a text that an earlier item has too."""
        return len(self.items) - len({item.text for item in self.items})

    def require_items(self, interactions: Interactions) -> None:
        """Raise when the interactions have an item that the catalogue lacks.

        Raises:
            DataError: names the number of missing items and interactions, and the first five ids.
        """
        known = set(self.item_ids)
        taken = np.bincount(interactions.item, minlength=len(interactions.item_ids))
        missing = [
            code for code, item_id in enumerate(interactions.item_ids) if taken[code] and item_id not in known
        ]
        if missing:
            shown = ", ".join(repr(interactions.item_ids[code]) for code in missing[:5])
            raise DataError(
                f"{len(missing):,} item(s) with {int(taken[missing].sum()):,} interaction(s) are not among the "
                f"catalogue's {len(self):,} items: {shown}{', ...' if len(missing) > 5 else ''}. Add them to the item "
                "file, or leave their interactions out before splitting."
            )
