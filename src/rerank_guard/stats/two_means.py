"""Are two means further apart than a given difference? Decided by two bets on bounded means together."""

from __future__ import annotations

from scipy.optimize import brentq

from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import log_e_value_above, log_e_value_below

__all__ = ["log_e_further_apart"]

_EDGE = 1e-12
"""A null's mean of exactly 0 or 1 allows no other value; the search keeps off it."""


def log_e_further_apart(first: FloatArray, second: FloatArray, effect: float) -> float:
    """The largest s such that for some m both "the first mean is at most m + effect" and "the second is at least m" have log E s.

    That is the largest level at which the lower end of the first mean's confidence sequence is above the upper end of the
    second's by more than `effect`, as these ends are what the same bets reject (`stats.confidence`). Where the first mean is
    above the second by at most `effect`, one of two true null hypotheses was rejected: for a threshold fixed beforehand this
    happens with probability 2 exp(-s) at most, whatever the moment (Ville 1939, and the union bound).

    Args:
        first: (n,) float64 in [0, 1], n >= 1.
        second: (m,) the same, of other users.
        effect: in [0, 1).

    Returns:
        Log E in nats, at least 0.
    """

    def above(mean: float) -> float:
        return log_e_value_above(first, min(1.0, mean + effect))

    def surplus(mean: float) -> float:
        """The first bet's log E less the second's, which falls as m grows."""
        return above(mean) - log_e_value_below(second, mean)

    # outside of these ends one of the bets has lost or broken even
    low = max(float(second.mean()), _EDGE)
    high = min(float(first.mean()) - effect, 1.0 - _EDGE)
    if high <= low or surplus(low) <= 0.0 or surplus(high) >= 0.0:
        return 0.0
    mean = float(brentq(surplus, low, high, xtol=_EDGE))
    return max(0.0, min(above(mean), log_e_value_below(second, mean)))
