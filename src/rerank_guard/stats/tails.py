"""Exact tails of a number of hits: binomial where N is constant, Poisson-binomial where it varies."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from rerank_guard.types import FloatArray

__all__ = [
    "binomial_lower_tail",
    "binomial_upper_tail",
    "poisson_binomial_pmf",
    "poisson_binomial_upper_tail",
]


def binomial_upper_tail(hits: int, n: int, rate: float) -> float:
    """P(X >= hits) for X ~ Binomial(n, rate)."""
    return float(binom.sf(hits - 1, n, rate))


def binomial_lower_tail(hits: int, n: int, rate: float) -> float:
    """P(X <= hits) for X ~ Binomial(n, rate).

    Where users have rates of their own with mean `rate`, this still bounds the tail from above in the range where
    it is small (hits <= n * rate - 1): the binomial is the most spread of all such sums (Hoeffding 1956).
    """
    return float(binom.cdf(hits, n, rate))


def poisson_binomial_pmf(rates: FloatArray) -> FloatArray:
    """The distribution of the number of hits of independent users with rates of their own.

    Exact, by direct convolution of halves (Hong 2013, "On computing the distribution function for the Poisson
    binomial distribution", reviews the ways). Only non-negative terms are added, so that even a tail of 1e-200
    keeps its relative precision; the Fourier way, and 1 - cdf, lose everything below 1e-16.

    Args:
        rates: (U,) float64 in [0, 1].

    Returns:
        (U + 1,) float64: the probability of 0, 1, ..., U hits. Quadratic in U: 0.3 s at U = 50,000.
    """
    parts = [np.array([1.0 - rate, rate]) for rate in rates.tolist()] or [np.ones(1)]
    while len(parts) > 1:
        leftover = parts[-1:] if len(parts) % 2 else []
        parts = [np.convolve(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)] + leftover
    return parts[0]


def poisson_binomial_upper_tail(hits: int, rates: FloatArray) -> float:
    """P(X >= hits) for the number X of hits of independent users with these rates, (U,) float64 in [0, 1]."""
    return min(1.0, float(poisson_binomial_pmf(rates)[max(hits, 0) :].sum()))
