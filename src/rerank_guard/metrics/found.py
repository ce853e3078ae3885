"""Metrics that count what was found in the top k: Hit, Recall, Precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.metric import Metric
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.relevant import RelevantStanding

__all__ = ["Hit", "Precision", "Recall"]


@dataclass(frozen=True, slots=True)
class _AtK(Metric):
    """A metric that needs a cutoff, and is named after it."""

    k: int

    def __post_init__(self) -> None:
        require_cutoff(self.k)

    def __str__(self) -> str:
        return f"{type(self).__name__}@{self.k}"


@dataclass(frozen=True, slots=True)
class Hit(_AtK):
    """Whether any relevant candidate is in the top k (trec_eval `success`, ir_measures `Success`, ranx `hit_rate`).

    With one relevant candidate the same as `Recall`, with several not.

    Attributes:
        k: cutoff, at least 1.

    Raises:
        VacuousMetricError: k below 1.
    """

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """1.0 or 0.0 a user."""
        return np.asarray(order.in_top(self.k).any(axis=1), dtype=np.float64)

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """One minus the probability of a miss.

        Of t tied candidates f get into the top k, and none of the r relevant ones among them is one of these with the
        hypergeometric probability C(t - r, f) / C(t, f), the product of (t - f - i) / (t - i) for i from 0 to r - 1.
        """
        left_out = standing.tied - standing.places_in_top(self.k) - standing.index_among_tied
        factors = np.maximum(left_out, 0) / np.maximum(standing.tied - standing.index_among_tied, 1)
        return np.asarray(1.0 - np.where(standing.present, factors, 1.0).prod(axis=1))


@dataclass(frozen=True, slots=True)
class Recall(_AtK):
    """Share of the user's listed relevant candidates that are in the top k (trec_eval `recall`).

    It cannot exceed `recall_ceiling_at_k`.

    Attributes:
        k: cutoff, at least 1.

    Raises:
        VacuousMetricError: k below 1.
    """

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """The number found over m."""
        return np.asarray(order.in_top(self.k).sum(axis=1) / np.maximum(order.n_relevant, 1))

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """The expected number found over m."""
        return _expected_found(standing, self.k) / np.maximum(standing.n_relevant, 1)


@dataclass(frozen=True, slots=True)
class Precision(_AtK):
    """Relevant candidates in the top k, over k, also where fewer than k candidates are listed (trec_eval `P`).

    Attributes:
        k: cutoff, at least 1.

    Raises:
        VacuousMetricError: k below 1.
    """

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """The number found over k."""
        return np.asarray(order.in_top(self.k).sum(axis=1) / self.k)

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """The expected number found over k."""
        return _expected_found(standing, self.k) / self.k


def _expected_found(standing: RelevantStanding, k: int) -> FloatArray:
    # each of t tied candidates is as likely as any other to take one of the places in the top k
    return np.asarray((standing.places_in_top(k) / standing.tied).sum(axis=1))
