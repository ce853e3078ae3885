"""Where the relevant candidates of each user are among the others, ties left open.

Two integers say it for each of them: how many candidates are strictly above it, and how many share its score,
itself included. Every metric of this package, in expectation over tie orders or in the best and the worst of them,
follows from these (McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in the
presence of tied scores").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.metrics.order import RelevantOrder

__all__ = ["RelevantStanding"]


@dataclass(frozen=True)
class RelevantStanding:
    """The relevant candidates of each user, highest score first and within a tie highest grade first.

    M is the largest number that a user has. Made by `from_unsorted`.

    Attributes:
        above: (U, M) int64, candidates of the user with a higher score; not decreasing along a row.
        tied: (U, M) int64, at least 1: candidates with the same score, itself included.
        grade: (U, M) float64, above 0; 0 on the right of users with fewer than M relevant candidates.
    """

    above: IntArray
    tied: IntArray
    grade: FloatArray

    @classmethod
    def from_unsorted(cls, above: IntArray, tied: IntArray, grade: FloatArray) -> RelevantStanding:
        """Sort (U, M) arrays as described; where `grade` is 0 there is no candidate, wherever in the row that is."""
        absent = grade == 0.0
        above = np.where(absent, np.iinfo(np.int64).max // 2, above)
        tied = np.where(absent, 1, tied)
        if above.shape[1] > 1:
            order = np.lexsort((-grade, above), axis=1)
            above, tied = np.take_along_axis(above, order, axis=1), np.take_along_axis(tied, order, axis=1)
            grade = np.take_along_axis(grade, order, axis=1)
        return cls(above, tied, grade)

    @cached_property
    def present(self) -> BoolArray:
        """(U, M) True where there is a relevant candidate."""
        return np.asarray(self.grade > 0.0)

    @cached_property
    def n_relevant(self) -> IntArray:
        """(U,) m, the number of relevant candidates."""
        return np.asarray(self.present.sum(axis=1), dtype=np.int64)

    @cached_property
    def n_relevant_above(self) -> IntArray:
        """(U, M) relevant candidates with a higher score; none of the same score is among them."""
        return self._group_ends[0]

    @cached_property
    def n_relevant_tied(self) -> IntArray:
        """(U, M) relevant candidates with the same score, itself included."""
        first, last = self._group_ends
        return last - first + 1

    @cached_property
    def index_among_tied(self) -> IntArray:
        """(U, M) 0-based place among the relevant candidates with the same score."""
        return np.arange(self.above.shape[1]) - self._group_ends[0]

    def places_in_top(self, k: int | None) -> IntArray:
        """(U, M) how many of the `tied` places are in the top k, 0 where there is no candidate; None: no cutoff."""
        places = self.tied if k is None else np.clip(k - self.above, 0, self.tied)
        return np.where(self.present, places, 0)

    def optimistic(self) -> RelevantOrder:
        """Ties in favour: the relevant first among the tied, the highest grades first among these."""
        return RelevantOrder(self.above + 1 + self.index_among_tied, self.grade)

    def pessimistic(self) -> RelevantOrder:
        """Ties against: the relevant last among the tied, the highest grades last among these."""
        rank = self.above + self.tied - self.n_relevant_tied + 1 + self.index_among_tied
        first, last = self._group_ends
        reverse = first + last - np.arange(self.above.shape[1])
        return RelevantOrder(rank, np.take_along_axis(self.grade, reverse, axis=1))

    @cached_property
    def _group_ends(self) -> tuple[IntArray, IntArray]:
        """(U, M) each: index of the first and of the last relevant candidate with the same score."""
        width = self.above.shape[1]
        index = np.broadcast_to(np.arange(width), self.above.shape)
        starts = np.ones(self.above.shape, dtype=np.bool_)
        starts[:, 1:] = self.above[:, 1:] != self.above[:, :-1]
        ends = np.ones_like(starts)
        ends[:, :-1] = starts[:, 1:]
        first = np.maximum.accumulate(np.where(starts, index, 0), axis=1)
        last = np.minimum.accumulate(np.where(ends, index, width)[:, ::-1], axis=1)[:, ::-1]
        return first, last
