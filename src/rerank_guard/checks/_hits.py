"""Hits of a ranking: the interval of their mean, e-values as text, and how many users decided."""

from __future__ import annotations

from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.types import FloatArray
from rerank_guard.verdict import Interval

__all__ = ["e_value_text", "hits_interval"]


def hits_interval(hits: FloatArray, alpha: float) -> Interval:
    """For Recall@K, at 1 - 2 alpha: each end then agrees with the one-sided bets at alpha."""
    level = 1.0 - 2.0 * alpha
    return Interval(*mean_confidence_sequence(hits, level), level, "confidence sequence")


def e_value_text(log_e_value: float) -> str:
    """The p-value 1/E, which holds whenever one looks."""
    p_value = p_value_of(log_e_value)
    return "p<1e-300" if p_value < 1e-300 else f"p={p_value:.2g}"
