"""Average precision, with its denominator named; its mean over users is MAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.metric import Metric
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.partial_sums import inverse_rank_sums, sum_over_ranks
from rerank_guard.metrics.relevant import RelevantStanding

__all__ = ["AveragePrecision", "Denominator"]

Denominator: TypeAlias = Literal["m", "min(m, K)"]
"""Over what the precisions are averaged: all m relevant candidates, or as many of them as the top K can hold."""

_DENOMINATORS = ("m", "min(m, K)")


@dataclass(frozen=True, slots=True)
class AveragePrecision(Metric):
    """The precision at the rank of each relevant candidate in the top k, summed, over a named denominator.

    Who computes which:

    - "m": trec_eval `map_cut`, ir_measures `AP@k`, ranx `map@k`; below 1 for a perfect ranking where k < m;
    - "min(m, K)": 1 for a perfect ranking; usual in competitions and recommender work.

    The two agree where m is at most k, so for a single target, and without a cutoff.

    Attributes:
        denominator: "m" or "min(m, K)"; never assumed.
        k: cutoff, at least 1; None counts the whole list.

    Raises:
        InvalidTaskError: a denominator of another name.
        VacuousMetricError: k below 1.
    """

    denominator: Denominator
    k: int | None = None

    def __post_init__(self) -> None:
        if self.denominator not in _DENOMINATORS:
            raise InvalidTaskError(
                f"average precision has no denominator {self.denominator!r}; name one of "
                f"{', '.join(map(repr, _DENOMINATORS))}."
            )
        if self.k is not None:
            require_cutoff(self.k)

    def __str__(self) -> str:
        return f"MAP[{self.denominator}]" + ("" if self.k is None else f"@{self.k}")

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """The i-th relevant candidate has precision i / rank."""
        found = np.arange(1.0, order.rank.shape[1] + 1.0)
        precision = np.where(order.in_top(self.k), found / order.rank, 0.0)
        return self._over_denominator(precision.sum(axis=1), order.n_relevant)

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """The mean precision at the places that each relevant candidate can take.

        Of t tied candidates r are relevant, with R relevant ones above them. One of these r is at each of the t
        places with probability 1 / t, and given that, each of the i - 1 places before its own holds another of them
        with probability (r - 1) / (t - 1): the expected precision at rank g + i is
        (R + 1 + (i - 1) (r - 1) / (t - 1)) / (g + i).
        """
        places = standing.places_in_top(self.k)
        last_rank = int((standing.above + places).max(initial=0, where=places > 0))
        inverse = sum_over_ranks(inverse_rank_sums(last_rank), standing.above, places)
        # the sum of (i - 1) / (g + i) over the places, as 1 - (g + 1) / (g + i); `above` is huge where none is present
        start = np.where(places > 0, standing.above, 0)
        before = places - (start + 1) * inverse
        others = (standing.n_relevant_tied - 1) / np.maximum(standing.tied - 1, 1)
        total = ((standing.n_relevant_above + 1) * inverse + others * before) / standing.tied
        return self._over_denominator(total.sum(axis=1), standing.n_relevant)

    def _over_denominator(self, total: FloatArray, n_relevant: IntArray) -> FloatArray:
        reach = n_relevant if self.k is None or self.denominator == "m" else np.minimum(n_relevant, self.k)
        return total / np.maximum(reach, 1)
