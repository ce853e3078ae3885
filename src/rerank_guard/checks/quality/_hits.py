"""Hits of a ranking: the interval of their mean, and e-values as text."""

from __future__ import annotations

from rerank_guard.core.types import FloatArray
from rerank_guard.core.verdict import Interval
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence

__all__ = ["difference_interval", "e_value_text", "hits_interval"]


def hits_interval(hits: FloatArray, alpha: float) -> Interval:
    """For the mean of (U,) hits, at 1 - 2 alpha: each end then agrees with the one-sided bets at alpha."""
    level = 1.0 - 2.0 * alpha
    return Interval(*mean_confidence_sequence(hits, level), level, "confidence sequence")


def difference_interval(differences: FloatArray, alpha: float) -> Interval:
    """For the mean of (U,) differences of hits, in [-1, 1], at 1 - 2 alpha."""
    halves = hits_interval((differences + 1.0) / 2.0, alpha)
    return Interval(2.0 * halves.low - 1.0, 2.0 * halves.high - 1.0, halves.level, halves.method)


def e_value_text(log_e_value: float) -> str:
    """The p-value 1/E, which is valid at whatever moment E was taken."""
    p_value = p_value_of(log_e_value)
    return "p<1e-300" if p_value < 1e-300 else f"p={p_value:.2g}"
