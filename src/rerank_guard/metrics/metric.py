"""What is measured: a metric is a value such as `NDCG(gain="binary", k=10)`, apart from the data it is computed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.relevant import RelevantStanding

__all__ = ["Metric", "MetricSummary", "TiePolicy"]

TiePolicy: TypeAlias = Literal["expected", "optimistic", "pessimistic"]
"""How tied candidates are ordered: uniformly at random, in expectation; all in favour of the metric; all against it."""


class Metric(ABC):
    """A ranking metric of one user; higher is better, and moving a relevant candidate up never lowers it.

    Every metric counts 0 for a user without a relevant candidate (end-to-end evaluation); `str` gives its name.
    """

    @abstractmethod
    def in_order(self, order: RelevantOrder) -> FloatArray:
        """The metric, (U,) float64, where the rank of every relevant candidate is known."""

    @abstractmethod
    def expected(self, standing: RelevantStanding) -> FloatArray:
        """The metric, (U,) float64, in expectation over uniformly random orders of tied candidates."""


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric averaged over users.

    Attributes:
        metric: what was measured.
        mean: over all users, ties in expectation; users without a relevant candidate count 0 (end-to-end).
        optimistic: the same mean when every tie falls for the metric.
        pessimistic: the same mean when every tie falls against it.
        n_users: all users.
        n_users_with_relevant: users with at least one relevant candidate.
    """

    metric: Metric
    mean: float
    optimistic: float
    pessimistic: float
    n_users: int
    n_users_with_relevant: int

    @property
    def tie_gap(self) -> float:
        """Optimistic minus pessimistic: what a stable sort can add or hide."""
        return self.optimistic - self.pessimistic

    @property
    def conditional_mean(self) -> float:
        """Mean over the users with a relevant candidate alone; NaN without any. Not comparable with `mean`."""
        if self.n_users_with_relevant == 0:
            return float("nan")
        return self.mean * self.n_users / self.n_users_with_relevant
