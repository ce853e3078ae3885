"""Users of the known-truth world at the level of cells, with lists of unlike lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import BoolArray, IntArray
from rerank_model.data.world_items import N_VALUES

__all__ = ["EMPTY", "Cells", "Draw", "Lengths", "drawn_columns", "within"]

Lengths = int | tuple[int, int]
"""The length of every list, or the least and the greatest, between which each user's is drawn uniformly."""

EMPTY = -1
"""What stands behind the end of a list that is shorter than the longest."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One list of items a user, at the level of cells.

    Attributes:
        mood, place: (U, W) int64 in 0..11; -1 behind the end of a list shorter than the longest, W.
    """

    mood: IntArray
    place: IntArray

    @property
    def lengths(self) -> IntArray:
        """(U,) int64, how many items each user's list has."""
        return np.asarray((self.mood != EMPTY).sum(axis=1), dtype=np.int64)

    @property
    def cell(self) -> IntArray:
        """(U, W) int64 in 0..143, 12 * mood + place; -1 behind a list's end."""
        return np.where(self.mood == EMPTY, EMPTY, self.mood * N_VALUES + self.place)


@dataclass(frozen=True, slots=True)
class Draw:
    """U drawn users at the level of cells.

    Attributes:
        history, candidates: (U, H) and (U, N) cells; H and N are those of the longest list.
        target_position: (U,) int64, 0-based position of the target among the user's candidates.
    """

    history: Cells
    candidates: Cells
    target_position: IntArray


def drawn_columns(lengths: Lengths, n_users: int, rng: np.random.Generator) -> BoolArray:
    """(U, longest possible) bool: which columns are within the length that is drawn for each user."""
    least, greatest = (lengths, lengths) if isinstance(lengths, int) else lengths
    drawn = rng.integers(least, greatest + 1, size=n_users)
    return np.asarray(np.arange(greatest) < drawn[:, None], dtype=np.bool_)


def within(mood: IntArray, place: IntArray, columns: BoolArray) -> Cells:
    """Cells (U, W) with nothing outside of `columns`."""
    return Cells(np.where(columns, mood, EMPTY), np.where(columns, place, EMPTY))
