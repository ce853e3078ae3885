"""Is the mean of values in [0, 1] above (or below) a given one? Decided by a mixture of fixed bets.

For values x_i in [0, 1] and reference means m_i, a gambler who stakes the fixed share `c` of what is allowed has

    W_c = prod_i (1 + c * (x_i - m_i) / max_j m_j),    0 < c <= 1,

which is never negative. When each mean of x_i (given the values before it) is at most m_i, every factor has mean at
most 1, so W_c, and the average of W_c over fixed stakes, is an e-value: P(W >= 1/alpha) <= alpha (Markov). It is
enough that the means are at most m_i *on average*, by the inequality of arithmetic and geometric means (the step of
Hoeffding 1963, Theorem 1, for unequal means). Source: Waudby-Smith and Ramdas (2023), "Estimating means of bounded
random variables by betting".

Why this rule and not Hoeffding's or an empirical Bernstein bound: it is valid at every n, it adapts to a small
variance (which is where Hoeffding's is weak), it has no constants to pay at small n (which is where Bernstein's is
weak), and stakes fixed beforehand make it blind to the order of the users. One rule, chosen before looking.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from rerank_guard.errors import RerankGuardError
from rerank_guard.types import FloatArray

__all__ = [
    "STAKES",
    "bounded_mean_interval",
    "log_e_value_mean_above",
    "log_e_value_mean_below",
    "log_wealths",
    "p_value_of",
]

STAKES: tuple[float, ...] = tuple(2.0**-j for j in range(13))
"""Shares of the largest allowed stake, equally weighted; the finest suits effects that need some 10^5 users."""

_SMALLEST_MEAN = 1e-12


def log_wealths(values: FloatArray, means: FloatArray | float) -> FloatArray:
    """The log of W_c for each stake c, betting on "above".

    Args:
        values: (n,) float64 in [0, 1].
        means: the null's means, (n,) or one for all, in [0, 1].

    Returns:
        (len(STAKES),) float64 in nats; -inf where a stake lost all, +inf where a mean of 0 is refuted.

    Raises:
        RerankGuardError: values or means outside [0, 1] or not numbers.
    """
    null = np.broadcast_to(np.asarray(means, dtype=np.float64), values.shape)
    for name, array in (("values", values), ("means", null)):
        if not bool(np.all((array >= 0.0) & (array <= 1.0))):
            worst = array[~((array >= 0.0) & (array <= 1.0))][0]
            raise RerankGuardError(f"{name} holds {worst}; the test of a bounded mean needs numbers in [0, 1].")
    largest = float(null.max(initial=0.0))
    if largest == 0.0:
        return np.full(len(STAKES), math.inf if bool(values.any()) else 0.0)
    steps = (values - null) / largest
    with np.errstate(divide="ignore"):  # a stake that loses everything has log-wealth -inf, as it should
        return np.array([np.log1p(np.maximum(stake * steps, -1.0)).sum() for stake in STAKES])


def log_e_value_mean_above(values: FloatArray, means: FloatArray | float) -> float:
    """Log e-value, in nats, against "the mean is at most `means`" (see the module's text).

    Args:
        values: (n,) float64 in [0, 1].
        means: the null's means, (n,) or one for all, in [0, 1].

    Returns:
        log of the mixture's wealth; reject at alpha when it is at least log(1/alpha).
    """
    return float(logsumexp(log_wealths(values, means)) - math.log(len(STAKES)))


def log_e_value_mean_below(values: FloatArray, means: FloatArray | float) -> float:
    """Log e-value, in nats, against "the mean is at least `means`": `log_e_value_mean_above` mirrored."""
    return log_e_value_mean_above(1.0 - values, 1.0 - np.asarray(means, dtype=np.float64))


def p_value_of(log_e_value: float) -> float:
    """The p-value that an e-value gives: min(1, 1/E) (Markov)."""
    return min(1.0, math.exp(-log_e_value)) if log_e_value > 0.0 else 1.0


def bounded_mean_interval(values: FloatArray, level: float) -> tuple[float, float]:
    """Confidence interval for the mean of values in [0, 1]: the means that neither bet rejects.

    Args:
        values: (n,) float64 in [0, 1], n >= 1.
        level: confidence, inside (0, 1); each end leaves (1 - level)/2 outside.

    Returns:
        The two ends, 0 <= low <= mean <= high <= 1.
    """
    needed = math.log(2.0 / (1.0 - level))
    return _lower_end(values, needed), 1.0 - _lower_end(1.0 - values, needed)


def _lower_end(values: FloatArray, needed: float) -> float:
    """The largest mean that the bet on "above" rejects; wealth falls strictly as the null's mean grows."""

    def surplus(mean: float) -> float:
        return log_e_value_mean_above(values, mean) - needed

    mean = min(1.0, float(values.mean()))
    if mean <= _SMALLEST_MEAN or surplus(_SMALLEST_MEAN) <= 0.0:
        return 0.0
    # at the sample's own mean every stake has lost or broken even, so a root lies in between
    return float(brentq(surplus, _SMALLEST_MEAN, mean, xtol=1e-12))
