"""Normalised discounted cumulative gain, with its gain named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.metric import Metric
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.partial_sums import discount_sums, sum_over_ranks
from rerank_guard.metrics.relevant import RelevantStanding

__all__ = ["NDCG", "Gain"]

Gain: TypeAlias = Literal["binary", "linear", "exponential"]
"""What a relevant candidate of a grade is worth: 1; the grade; 2^grade - 1. All the same for boolean relevance."""

_GAINS = ("binary", "linear", "exponential")
_MAX_EXPONENT = 500


@dataclass(frozen=True, slots=True)
class NDCG(Metric):
    """Gains discounted by 1 / log2(rank + 1), over the best that the user's relevant candidates could give.

    The best order is cut at k too. Who computes which gain:

    - "linear": trec_eval `ndcg_cut`, ir_measures `nDCG` (its default `dcg="log2"`), ranx `ndcg`
      (Jarvelin and Kekalainen 2002);
    - "exponential": ir_measures `nDCG(dcg="exp-log2")`, ranx `ndcg_burges` (Burges et al. 2005);
    - "binary": most recommender work; what any of these gives once every grade is 1.

    Attributes:
        gain: "binary", "linear" or "exponential"; never assumed.
        k: cutoff, at least 1; None counts the whole list.

    Raises:
        InvalidTaskError: a gain of another name.
        VacuousMetricError: k below 1.
    """

    gain: Gain
    k: int | None = None

    def __post_init__(self) -> None:
        if self.gain not in _GAINS:
            raise InvalidTaskError(f"NDCG has no gain {self.gain!r}; name one of {', '.join(map(repr, _GAINS))}.")
        if self.k is not None:
            require_cutoff(self.k)

    def __str__(self) -> str:
        return f"NDCG[{self.gain}]" + ("" if self.k is None else f"@{self.k}")

    def in_order(self, order: RelevantOrder) -> FloatArray:
        """The discounted gain at the given ranks, over the best."""
        gain = np.where(order.in_top(self.k), self._gain(order.grade), 0.0)
        discounted = gain / np.log2(order.rank + 1.0)
        return self._over_best(discounted.sum(axis=1), order.grade)

    def expected(self, standing: RelevantStanding) -> FloatArray:
        """Every candidate is as likely as any tied one to take each of their places, so that discounts average."""
        places = standing.places_in_top(self.k)
        last_rank = int((standing.above + places).max(initial=0, where=places > 0))
        discount = sum_over_ranks(discount_sums(last_rank), standing.above, places) / standing.tied
        return self._over_best((self._gain(standing.grade) * discount).sum(axis=1), standing.grade)

    def _gain(self, grade: FloatArray) -> FloatArray:
        if self.gain == "binary":
            return np.asarray(grade > 0.0, dtype=np.float64)
        if self.gain == "linear":
            return grade
        if bool((grade > _MAX_EXPONENT).any()):
            raise InvalidTaskError(
                f"a relevance grade is {grade.max():g}, so that its exponential gain 2^grade - 1 is no finite number "
                f'together with others; grade up to {_MAX_EXPONENT}, or take gain="linear".'
            )
        return np.exp2(grade) - 1.0

    def _over_best(self, discounted: FloatArray, grade: FloatArray) -> FloatArray:
        best_first = -np.sort(-self._gain(grade), axis=1)[:, : self.k]
        best = (best_first / np.log2(np.arange(2.0, best_first.shape[1] + 2.0))).sum(axis=1)
        return np.asarray(np.divide(discounted, best, out=np.zeros(len(best)), where=best > 0.0))
