"""Is the mean of values in [0, 1] above (or below) a given one? Decided by a mixture of bets, at every moment.

For values x_t in [0, 1] and reference means m_t, a gambler who fixes a log-odds d > 0 beforehand multiplies the
wealth by

    (1 + x_t * (e^d - 1)) / (1 + m_t * (e^d - 1)) = 1 + lambda_t * (x_t - m_t)

after each value. For a hit or a miss this is the likelihood ratio of a rate whose log-odds are d above those of m_t;
for anything in between it is a bet on a bounded mean (Waudby-Smith and Ramdas 2023, "Estimating means of bounded
random variables by betting"), with the stake lambda_t = (e^d - 1) / (1 + m_t * (e^d - 1)). When the mean of x_t given
the values before it is at most m_t, each factor has mean at most 1. So the wealth, and the average of wealths over
any prior on d, is an e-process: P(sup_t W_t >= 1/alpha) <= alpha, however often one looks (Ville 1939).

With one m for all values it is enough that the means given the past are at most m on average up to the moment of the
look: the factors' means multiply to at most 1 by the inequality of arithmetic and geometric means.

A verdict on given users takes E after the last of them, which does not depend on their order: with users sorted by the
length of the history, for example, the first half may differ from the whole. A job that ends when it is decided takes
the first moment at which E reaches 1/alpha.

One family serves hits with fixed or varying N (m_t = K/N_t), ties in expectation, paired differences ((d+1)/2
against 1/2), shares and entropies.

The prior on d is log-normal around 0.8, which is typical of useful rerankers compared with chance and with each
other (0.25 to 0.45 is 0.9; 0.4 to 0.5 is 0.4). A flat Beta prior on the rate spends most of its mass on rates that
no reranker reaches, and takes 6 to 10 % more users.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.types import FloatArray, IntArray

__all__ = [
    "LOG_ODDS",
    "LOG_PRIOR",
    "first_crossing",
    "log_e_path_above",
    "log_e_path_below",
    "log_e_value_above",
    "log_e_value_below",
    "log_wealths",
    "look_times",
    "p_value_of",
]

LOG_ODDS: FloatArray = np.geomspace(0.01, 8.0, 32)
"""The bets' log-odds; the smallest suits effects that need some 10^5 users, the largest stakes nearly all."""


def _log_normal(median: float, spread: float) -> FloatArray:
    log_density = -0.5 * ((np.log(LOG_ODDS) - math.log(median)) / spread) ** 2  # the grid is even in log d
    return np.asarray(log_density - logsumexp(log_density), dtype=np.float64)


LOG_PRIOR: FloatArray = _log_normal(0.8, 0.8)
"""Log of the prior mass of each of `LOG_ODDS`."""

_MOST_LOOKS = 4096
_CHUNK = 65_536


def log_e_path_above(values: FloatArray, means: FloatArray | float) -> FloatArray:
    """Log e-process, in nats, against "the mean is at most `means`".

    Args:
        values: (n,) float64 in [0, 1], in the order in which they came.
        means: the null's means, (n,) or one for all, in [0, 1].

    Returns:
        (L,) float64: log E at the moments `look_times(n)`; +inf where a mean of 0 is refuted. Reject at alpha as
        soon as an entry is at least log(1/alpha).

    Raises:
        RerankGuardError: values or means outside [0, 1] or not numbers.
    """
    looks = look_times(len(values))
    path = np.empty(len(looks))
    wealth, done = np.zeros(len(LOG_ODDS)), 0
    null = _checked(values, means)
    for start in range(0, len(values), _CHUNK):
        part = slice(start, start + _CHUNK)
        running = wealth + np.cumsum(_log_factors(values[part], null[part]), axis=0)
        here = looks[(looks > start) & (looks <= start + len(running))]
        path[done : done + len(here)] = _mixed(running[here - 1 - start])
        wealth, done = running[-1], done + len(here)
    return path


def log_e_path_below(values: FloatArray, means: FloatArray | float) -> FloatArray:
    """Log e-process against "the mean is at least `means`": `log_e_path_above` mirrored."""
    return log_e_path_above(1.0 - values, 1.0 - np.asarray(means, dtype=np.float64))


def log_e_value_above(values: FloatArray, means: FloatArray | float) -> float:
    """Log E after all values, against "the mean is at most `means`"; the same in any order of the values.

    The last entry of `log_e_path_above`, and 0.0 without values.
    """
    return float(_mixed(log_wealths(values, means)))


def log_e_value_below(values: FloatArray, means: FloatArray | float) -> float:
    """Log E after all values, against "the mean is at least `means`": `log_e_value_above` mirrored."""
    return log_e_value_above(1.0 - values, 1.0 - np.asarray(means, dtype=np.float64))


def log_wealths(values: FloatArray, means: FloatArray | float) -> FloatArray:
    """(len(LOG_ODDS),) log-wealth of each bet on "above" after all values, before mixing."""
    null = _checked(values, means)
    total = np.zeros(len(LOG_ODDS))
    for start in range(0, len(values), _CHUNK):
        part = slice(start, start + _CHUNK)
        total += _log_factors(values[part], null[part]).sum(axis=0)
    return total


def look_times(n: int) -> IntArray:
    """The moments at which a path over n values is looked at: each of the first 4,096, then ever more sparsely, and n.

    Fewer looks are always valid; they keep a million users cheap.
    """
    if n <= _MOST_LOOKS:
        return np.arange(1, n + 1)
    later = np.geomspace(_MOST_LOOKS, n, 1024)
    return np.unique(np.concatenate([np.arange(1, _MOST_LOOKS + 1), np.rint(later).astype(np.int64)]))


def first_crossing(log_e_path: FloatArray, n: int, alpha: float) -> int | None:
    """After how many of n values a path of `look_times(n)` first reached log(1/alpha); None if it never did."""
    over = np.flatnonzero(log_e_path >= math.log(1.0 / alpha))
    return int(look_times(n)[over[0]]) if len(over) else None


def p_value_of(log_e_value: float) -> float:
    """The p-value min(1, 1/E), valid at whatever moment E was taken (Ville 1939)."""
    return min(1.0, math.exp(-log_e_value)) if log_e_value > 0.0 else 1.0


def _mixed(log_wealth: FloatArray) -> FloatArray:
    return np.asarray(logsumexp(log_wealth + LOG_PRIOR, axis=-1), dtype=np.float64)


def _log_factors(values: FloatArray, null: FloatArray) -> FloatArray:
    """(n, len(LOG_ODDS)) logs of the factors."""
    odds = np.expm1(LOG_ODDS)
    factors = np.log1p(values[:, None] * odds) - np.log1p(null[:, None] * odds)
    factors[(null == 0.0) & (values > 0.0)] = math.inf  # a mean of 0 in [0, 1] allows no other value
    return factors


def _checked(values: FloatArray, means: FloatArray | float) -> FloatArray:
    null = np.broadcast_to(np.asarray(means, dtype=np.float64), values.shape)
    for name, array in (("values", values), ("means", null)):
        inside = (array >= 0.0) & (array <= 1.0)
        if not bool(inside.all()):
            raise RerankGuardError(
                f"{name} holds {array[~inside][0]}; the test of a bounded mean needs numbers in [0, 1]."
            )
    return null
