"""Reciprocal rank; its mean over users is MRR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.metric import Metric
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.partial_sums import inverse_rank_sums, sum_over_ranks
from rerank_guard.metrics.relevant import RelevantStanding

__all__ = ["ReciprocalRank"]


@dataclass(frozen=True, slots=True)
class ReciprocalRank(Metric):
    """1 / rank of the best relevant candidate, 0 when it is below k (ir_measures `RR`, trec_eval `recip_rank`).

    Attributes:
        k: cutoff, at least 1; None counts the whole list.

    Raises:
        VacuousMetricError: k below 1.
    """

    k: int | None = None

    def __post_init__(self) -> None:
        if self.k is not None:
            require_cutoff(self.k)

    def __str__(self) -> str:
        return "MRR" if self.k is None else f"MRR@{self.k}"

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """1 / rank of the first."""
        best = order.in_top(self.k)[:, :1]
        return np.asarray(np.where(best, 1.0 / order.rank[:, :1], 0.0).sum(axis=1))

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """The mean of 1 / rank over the places that the first relevant candidate can take.

        Only the highest-scored tie that holds a relevant candidate matters. With one of t it may be anywhere there;
        with r of t see `_expected_best_of_several`.
        """
        if standing.above.shape[1] == 0:
            return np.zeros(len(standing.above))
        above, tied, several = standing.above[:, 0], standing.tied[:, 0], standing.n_relevant_tied[:, 0]
        places = standing.places_in_top(self.k)[:, 0]
        last_rank = int((above + places).max(initial=0, where=places > 0))
        value = sum_over_ranks(inverse_rank_sums(last_rank), above, places) / tied
        rows = np.flatnonzero((several > 1) & (places > 0))
        value[rows] = _expected_best_of_several(above[rows], tied[rows], several[rows], places[rows])
        return value


def _expected_best_of_several(above: IntArray, tied: IntArray, relevant: IntArray, places: IntArray) -> FloatArray:
    """Mean of 1 / rank of the first of r relevant among t tied, counted in the first `places` of them alone.

    The first is at place j (0-based) with probability C(t - j - 1, r - 1) / C(t, r), a negative hypergeometric
    distribution: r / t at j = 0, and from there by the factor (t - r - j) / (t - 1 - j).
    """
    probability = relevant / tied
    value = np.zeros(len(above))
    for place in range(int(places.max(initial=0))):
        value += np.where(place < places, probability / (above + place + 1), 0.0)
        probability = probability * np.maximum(tied - relevant - place, 0) / np.maximum(tied - 1 - place, 1)
    return value
