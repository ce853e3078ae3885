"""Hits of a ranking: whether they are whole, the interval of their mean, and p-values as text."""

from __future__ import annotations

from rerank_guard.stats.bounded_mean import bounded_mean_interval
from rerank_guard.stats.intervals import clopper_pearson
from rerank_guard.types import FloatArray
from rerank_guard.verdict import Interval

__all__ = ["hits_interval", "is_binary", "p_text"]


def hits_interval(hits: FloatArray, alpha: float) -> Interval:
    """For Recall@K, at 1 - 2 alpha: each end then agrees with a one-sided test at alpha."""
    level = 1.0 - 2.0 * alpha
    if is_binary(hits):
        return Interval(*clopper_pearson(round(hits.sum()), len(hits), level), level, "Clopper-Pearson")
    return Interval(*bounded_mean_interval(hits, level), level, "betting on a bounded mean")


def is_binary(hits: FloatArray) -> bool:
    return bool(((hits == 0.0) | (hits == 1.0)).all())


def p_text(p_value: float) -> str:
    return "p<1e-300" if p_value < 1e-300 else f"p={p_value:.2g}"
