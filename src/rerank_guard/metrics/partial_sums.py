"""Sums of a weight over ranks, from which the mean over a tied candidate's possible ranks follows."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["discount_sums", "inverse_rank_sums", "sum_over_ranks"]


def inverse_rank_sums(n: int) -> FloatArray:
    """(n + 1,) the harmonic numbers: entry r is the sum of 1 / rank over ranks 1 to r."""
    return np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1.0, n + 1.0))))


def discount_sums(n: int) -> FloatArray:
    """(n + 1,) entry r is the sum of 1 / log2(rank + 1) over ranks 1 to r (Jarvelin and Kekalainen 2002)."""
    return np.concatenate(([0.0], np.cumsum(1.0 / np.log2(np.arange(2.0, n + 2.0)))))


def sum_over_ranks(sums: FloatArray, above: IntArray, places: IntArray) -> FloatArray:
    """The weight's sum over ranks above + 1 to above + places; 0 where places is 0, whatever `above` is."""
    start = np.where(places > 0, above, 0)
    return np.asarray(sums[start + places] - sums[start])
