"""Planned power: after how many users the bet on a hit decides, exactly.

The wealth of `stats.bets` depends on the past through the number of hits alone when m_t = K/N is constant. So the
distribution of the first moment at which it reaches 1/alpha is computed exactly, by carrying the distribution of hits
among the users not yet decided from one user to the next. No simulation.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR

__all__ = ["hits_needed", "hits_tolerated", "users_until", "when_decided"]


def hits_needed(rate: float, n_users: int, alpha: float) -> IntArray:
    """(n_users,) fewest hits among the first 1, 2, ... users that reject "the rate is at most `rate`" at alpha.

    n + 1 where not even a hit for every user does.
    """
    _require(rate, alpha)
    per_hit = LOG_ODDS - np.log1p(rate * np.expm1(LOG_ODDS))
    per_miss = -np.log1p(rate * np.expm1(LOG_ODDS))
    needed, hits = math.log(1.0 / alpha), 0
    result = np.empty(n_users, dtype=np.int64)
    for n in range(1, n_users + 1):  # never fewer than for one user less
        while hits <= n and logsumexp(LOG_PRIOR + hits * per_hit + (n - hits) * per_miss) < needed:
            hits += 1
        result[n - 1] = hits
    return result


def hits_tolerated(rate: float, n_users: int, alpha: float) -> IntArray:
    """(n_users,) most hits among the first 1, 2, ... users that reject "the rate is at least `rate`" at alpha.

    -1 where not even no hit at all does.
    """
    n = np.arange(1, n_users + 1)
    return n - hits_needed(1.0 - rate, n_users, alpha)


def when_decided(
    true_rate: float, needed: IntArray, tolerated: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Probability that the verdict has come after 1, 2, ... users, the first verdict being final.

    Args:
        true_rate: of a hit, in [0, 1].
        needed: (n,) hits from which on it is PASSED, see `hits_needed`.
        tolerated: (n,) hits up to which it is FAILED, see `hits_tolerated`; None for no such verdict.

    Returns:
        (n,) float64 each: the probability of PASSED, and of FAILED, by then.
    """
    undecided = np.zeros(len(needed) + 2)
    undecided[0] = 1.0
    passed, failed = np.zeros(len(needed)), np.zeros(len(needed))
    for n in range(1, len(needed) + 1):
        undecided[1 : n + 1] = undecided[1 : n + 1] * (1.0 - true_rate) + undecided[:n] * true_rate
        undecided[0] *= 1.0 - true_rate
        passed[n - 1] = undecided[needed[n - 1] : n + 1].sum()
        undecided[needed[n - 1] : n + 1] = 0.0
        if tolerated is not None and tolerated[n - 1] >= 0:
            failed[n - 1] = undecided[: tolerated[n - 1] + 1].sum()
            undecided[: tolerated[n - 1] + 1] = 0.0
    return np.cumsum(passed), np.cumsum(failed)


def users_until(probability: float, decided: FloatArray) -> int | None:
    """The first number of users by which `decided` has reached `probability`; None when it never does."""
    reached = np.flatnonzero(decided >= probability)
    return int(reached[0]) + 1 if len(reached) else None


def _require(rate: float, alpha: float) -> None:
    if not 0.0 < rate < 1.0:
        raise RerankGuardError(f"rate={rate!r} is not one that can be beaten; give a number inside (0, 1).")
    if not 0.0 < alpha < 1.0:
        raise RerankGuardError(f"alpha={alpha!r} is not a level; give a number inside (0, 1).")
