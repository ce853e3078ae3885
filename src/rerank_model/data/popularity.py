"""How often each item was taken."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import IntArray
from rerank_model.data.interactions import Interactions

__all__ = ["item_counts", "item_popularity"]


def item_counts(interactions: Interactions) -> IntArray:
    """(I,) int64: the number of interactions of each item code."""
    return np.bincount(interactions.item, minlength=len(interactions.item_ids)).astype(np.int64)


def item_popularity(interactions: Interactions) -> dict[str, int]:
    """item_id to number of interactions, for items taken at least once."""
    counts = item_counts(interactions)
    return {interactions.item_ids[code]: int(counts[code]) for code in np.flatnonzero(counts)}
