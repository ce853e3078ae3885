"""Is one mean above another by more than a given difference? Decided by two bets on bounded means, of which both count.

For values in [0, 1] of two groups, take a mean m of the second. If the first mean is at most m + effect and the second is at
least m, both bets of `stats.bets` are e-processes, and as the groups are different users, so is their product. Where the
means differ by at most the effect, the true second mean is such an m. So the smallest product over all m is an e-process
against "they differ by at most the effect" (compare Turner, Ly and Gruenwald 2024, "Generic e-variables for exact sequential
k-sample tests"), and needs about half of the users that two confidence sequences need to part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR

__all__ = ["difference_sequence", "log_e_further_apart"]

_GRID = 64
_FINEST = 2.0**-53
"""The smallest distance of a level from 1 that float64 tells apart; a level of 1 is taken for that."""

_EDGE = 1e-9
"""A null's mean of exactly 0 or 1 allows no other value; the search keeps off it."""


def log_e_further_apart(first: FloatArray, second: FloatArray, effect: float) -> float:
    """Log e-value, in nats, against "the first mean is at most the second plus `effect`".

    Args:
        first: (n,) float64 in [0, 1], n >= 1.
        second: (m,) the same, of other users.
        effect: in (-1, 1).

    Returns:
        The smallest log E over the second mean; below 0 where the difference is well within the effect. Reject at alpha
        where it is at least log(1/alpha).
    """
    return _log_e(_Values.of(first), _Values.of(1.0 - second), effect)


def difference_sequence(first: FloatArray, second: FloatArray, level: float) -> tuple[float, float]:
    """The differences of the two means that are not rejected, as (low, high): a confidence sequence of this level.

    Args:
        first: (n,) float64 in [0, 1], n >= 1.
        second: (m,) the same, of other users.
        level: confidence, in (0, 1]; each end leaves (1 - level)/2 outside.
    """
    needed = math.log(2.0 / max(1.0 - level, _FINEST))
    ups, downs = (_Values.of(first), _Values.of(1.0 - second)), (_Values.of(second), _Values.of(1.0 - first))
    return _lower_end(*ups, needed), -_lower_end(*downs, needed)


@dataclass(frozen=True, slots=True)
class _Values:
    """Values in [0, 1] with how often each occurs: hits take few values, so a million users cost no more than a thousand.

    Attributes:
        total: (D,) the log of the wealth's first factor under each bet, summed over all values.
        n: how many there are.
        mean: of them.
    """

    total: FloatArray
    n: int
    mean: float

    @classmethod
    def of(cls, values: FloatArray) -> _Values:
        different, times = np.unique(values, return_counts=True)
        total = np.log1p(different[:, None] * np.expm1(LOG_ODDS)) * times[:, None]
        return cls(total.sum(axis=0), len(values), float(values.mean()))

    def log_e_above(self, means: FloatArray) -> FloatArray:
        """(G,) log E against "the mean is at most this one", for each of G means above 0."""
        wealth = self.total - self.n * np.log1p(means[:, None] * np.expm1(LOG_ODDS))
        return np.asarray(logsumexp(wealth + LOG_PRIOR, axis=1), dtype=np.float64)


def _log_e(first: _Values, second_mirrored: _Values, effect: float) -> float:
    """The smallest product: on a grid, which is then made finer around its smallest entry."""
    low, high, least = max(0.0, -effect), 1.0, math.inf
    for _ in range(4):
        means = np.linspace(low, high, _GRID)
        log_e = first.log_e_above(np.clip(means + effect, _EDGE, 1.0))
        log_e = log_e + second_mirrored.log_e_above(np.clip(1.0 - means, _EDGE, 1.0))
        at = int(log_e.argmin())
        least = min(least, float(log_e[at]))
        low, high = float(means[max(0, at - 1)]), float(means[min(_GRID - 1, at + 1)])
    return least


def _lower_end(first: _Values, second_mirrored: _Values, needed: float) -> float:
    """The largest difference that "the first mean is above the second by more" is proven of; -1 where none is."""
    at_most = first.mean - (1.0 - second_mirrored.mean)

    def surplus(effect: float) -> float:
        return _log_e(first, second_mirrored, effect) - needed

    lowest = -1.0 + _EDGE
    if at_most <= lowest or surplus(lowest) <= 0.0:
        return -1.0
    return float(brentq(surplus, lowest, min(at_most, 1.0 - _EDGE), xtol=1e-9))
