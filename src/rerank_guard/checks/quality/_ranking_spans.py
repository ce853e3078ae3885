"""How the targets are ranked, and the mean of a metric over them with the span that tied candidates leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.quality._ranked_targets import target_positions
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.metrics import Metric, TargetStanding, as_score_matrix, target_standing

__all__ = ["Ranking", "Span", "span_of", "standing_of_ranks"]

_NEAR_TIE = 1e-6  # relative to a row's largest score: what float32 cannot separate may be sorted either way


@dataclass(frozen=True, slots=True)
class Span:
    """A mean over users: in expectation over tie orders, and in the worst and the best of them."""

    expected: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Between the worst and the best order of ties."""
        return self.high - self.low

    def scaled(self, factor: float) -> Span:
        """The span of `factor` times the metric."""
        return Span(self.expected * factor, self.low * factor, self.high * factor)

    def complement(self) -> Span:
        """The span of one minus the metric."""
        return Span(1.0 - self.expected, 1.0 - self.high, 1.0 - self.low)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The targets among the scores of their lists.

    Attributes:
        standing: of U targets, ties left open.
        matrix: (U, Nmax) float64, the scores, -inf on the right of shorter rows.
        positions: (U,) int64, where the target is listed; 0 where it is not.
    """

    standing: TargetStanding
    matrix: FloatArray
    positions: IntArray

    @classmethod
    def of(cls, scores: Sequence[FloatArray], table: TaskTable) -> Ranking:
        """The ranking of each task's target_id.

        Raises:
            InvalidScoresError: malformed scores.
        """
        matrix, n_candidates = as_score_matrix(scores, table.n_candidates)
        positions = target_positions(table)
        standing = target_standing(scores, positions, present=positions >= 0, n_candidates=n_candidates)
        return cls(standing, matrix, np.maximum(positions, 0))

    def span(self, metric: Metric, weight: FloatArray | None = None) -> Span:
        """The metric's mean; weight is (U,), summing to 1, and the same for all by default."""
        return span_of(self.standing, metric, weight)

    def with_near_ties(self) -> Ranking:
        """The same with scores that float32 cannot separate taken as tied."""
        target = np.take_along_axis(self.matrix, self.positions[:, None], axis=1)
        largest = np.abs(np.where(np.isfinite(self.matrix), self.matrix, 0.0)).max(axis=1, keepdims=True)
        above = (self.matrix > target + _NEAR_TIE * largest).sum(axis=1)
        tied = (self.matrix >= target - _NEAR_TIE * largest).sum(axis=1) - above
        listed, n = self.standing.present, self.standing.n_candidates
        standing = TargetStanding(np.where(listed, above, 0), np.where(listed, tied, 0), n, listed)
        return Ranking(standing, self.matrix, self.positions)

    def sorted_ranks(self, sign: int) -> IntArray:
        """(U,) 1-based rank when a tie goes to the earlier position (sign 1) or to the later one (sign -1)."""
        target = np.take_along_axis(self.matrix, self.positions[:, None], axis=1)
        ahead = sign * np.arange(self.matrix.shape[1]) < sign * self.positions[:, None]
        above = (self.matrix > target) | ((self.matrix == target) & ahead)
        return np.asarray(above.sum(axis=1) + 1, dtype=np.int64)

    def with_missing_at(self, rank: IntArray) -> TargetStanding:
        """Every user's target listed: the missing ones at the given 1-based rank, (U,)."""
        listed = self.standing.present
        above = np.where(listed, self.standing.above, rank - 1)
        tied = np.where(listed, self.standing.tied, 1)
        widest = np.maximum(self.standing.n_candidates, above + tied)
        return TargetStanding(above, tied, widest, np.ones(len(listed), dtype=np.bool_))


def span_of(standing: TargetStanding, metric: Metric, weight: FloatArray | None) -> Span:
    """The metric's mean under a weight (U,) that sums to 1; None weighs all users alike."""
    policies = (
        standing.values(metric),
        standing.values(metric, "pessimistic"),
        standing.values(metric, "optimistic"),
    )
    return Span(*(float(values.mean() if weight is None else values @ weight) for values in policies))


def standing_of_ranks(rank: IntArray, listed: BoolArray, n_candidates: IntArray) -> TargetStanding:
    """Of (U,) 1-based ranks without ties."""
    return TargetStanding(np.where(listed, rank - 1, 0), listed.astype(np.int64), n_candidates, listed)
