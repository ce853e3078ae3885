"""Are more of a user's m targets in the top K than a random order puts there?

Under a random order the number X of relevant candidates in the top K of N is hypergeometric(N, m, K), whatever the
scores. A gambler who fixes d > 0 multiplies the wealth by e^(d X) / E[e^(d X)], the likelihood ratio of the
exponentially tilted distribution, which has mean 1; a mixture over d is an e-process (see `stats.bets`). For m = 1 it is
the bet on a hit there, exactly. It knows that recall with several targets varies less than one hit does, which a bet
on a bounded mean does not.

Where candidates tie across the cutoff, e^(d X) is replaced by its mean over the ways to break the tie: r of the t
tied are relevant and f of them get in, so the number is hypergeometric(t, r, f) again.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import logsumexp
from scipy.stats import hypergeom

from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR

__all__ = ["log_e_path_counts_above"]


def log_e_path_counts_above(
    n_candidates: IntArray,
    n_relevant: IntArray,
    k: int,
    certain: IntArray,
    tied: IntArray | None = None,
    tied_relevant: IntArray | None = None,
    free: IntArray | None = None,
) -> FloatArray:
    """Log e-process, in nats, against "the order is random".

    Args:
        n_candidates: (U,) int64, N of each user, in the order in which the users came.
        n_relevant: (U,) int64, m of each user; a user with m = 0 changes nothing.
        k: cutoff, at least 1.
        certain: (U,) int64, relevant candidates in the top K however ties are broken.
        tied: (U,) int64, size of the group tied across the cutoff, 0 without one; None for no ties at all.
        tied_relevant: (U,) int64, how many of that group are relevant.
        free: (U,) int64, how many of that group get into the top K.

    Returns:
        (U,) float64: log E after each user.
    """
    zeros = np.zeros_like(n_candidates)
    columns = np.stack(
        [
            n_candidates,
            n_relevant,
            np.minimum(k, n_candidates),
            certain,
            zeros if tied is None else tied,
            zeros if tied_relevant is None else tied_relevant,
            zeros if free is None else free,
        ],
        axis=1,
    )
    kinds, which = np.unique(columns, axis=0, return_inverse=True)  # users repeat: few kinds, many users
    table = np.array([_log_factors(*(int(entry) for entry in kind)) for kind in kinds])
    wealth = np.cumsum(table[which.reshape(-1)], axis=0)
    return np.asarray(logsumexp(wealth + LOG_PRIOR, axis=1), dtype=np.float64)


def _log_factors(
    n: int, relevant: int, top: int, certain: int, tied: int, tied_relevant: int, free: int
) -> FloatArray:
    """(len(LOG_ODDS),) log of e^(d X), in expectation over ties, over its mean under a random order."""
    return LOG_ODDS * certain + _log_moment(tied, tied_relevant, free) - _log_moment(n, relevant, top)


@cache
def _log_moment(n: int, relevant: int, drawn: int) -> FloatArray:
    """(len(LOG_ODDS),) log E[e^(d X)] for X ~ hypergeometric(n, relevant, drawn); 0 for an empty group."""
    if n == 0 or relevant == 0 or drawn == 0:
        return np.zeros(len(LOG_ODDS))
    found = np.arange(relevant + 1)
    return np.asarray(
        logsumexp(LOG_ODDS[:, None] * found + hypergeom.logpmf(found, n, relevant, drawn), axis=1), dtype=np.float64
    )
