"""The ranks of each user's relevant candidates, once ties are broken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["RelevantOrder"]


@dataclass(frozen=True, slots=True)
class RelevantOrder:
    """The relevant candidates of each user, best rank first; M is the largest number that a user has.

    Attributes:
        rank: (U, M) int64, 1-based, increasing; any value where `grade` is 0.
        grade: (U, M) float64, above 0; 0 on the right of users with fewer than M relevant candidates.
    """

    rank: IntArray
    grade: FloatArray

    @property
    def present(self) -> BoolArray:
        """(U, M) True where there is a relevant candidate."""
        return np.asarray(self.grade > 0.0)

    @property
    def n_relevant(self) -> IntArray:
        """(U,) m."""
        return np.asarray(self.present.sum(axis=1), dtype=np.int64)

    def in_top(self, k: int | None) -> BoolArray:
        """(U, M) True for a relevant candidate in the top k; None is no cutoff."""
        return self.present if k is None else self.present & (self.rank <= k)
