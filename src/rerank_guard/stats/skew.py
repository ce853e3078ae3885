"""Are letters, or the targets' positions, used unevenly?

Under the null each of n draws falls on one of N positions with probability 1/N. A gambler who believes in a Dirichlet(a)
prior on the positions' shares, symmetric with concentration a each, has after counts c the wealth

    E_a = N^n * Gamma(N a) / Gamma(n + N a) * prod_j Gamma(c_j + a) / Gamma(a),

the Dirichlet-multinomial's probability of the sequence over the uniform's (Good 1967; as an e-process: Lindon and Malek
2022, "Anytime-valid inference for multinomial count data"). Small a suits a few favoured positions, large a a slight tilt of
many; the average over several is an e-process too.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["CONCENTRATIONS", "log_e_path_uneven", "log_e_value_uneven"]

CONCENTRATIONS: FloatArray = np.array([0.1, 0.5, 1.0, 5.0, 20.0, 100.0])


def log_e_value_uneven(counts: IntArray) -> float:
    """Log e-value, in nats, against "all positions are equally likely".

    Args:
        counts: (N,) int64 >= 0, N >= 1: how often each position came. With one position the log e-value is 0.

    Raises:
        RerankGuardError: no positions, or a negative count.
    """
    if counts.ndim != 1 or len(counts) < 1 or bool((counts < 0).any()):
        raise RerankGuardError(f"counts are {counts!r:.200}; give one count >= 0 for each of at least 1 position.")
    n_positions, n = len(counts), int(counts.sum())
    a = CONCENTRATIONS
    log_e = gammaln(n_positions * a) - gammaln(n + n_positions * a) + n * math.log(n_positions)
    log_e += (gammaln(counts[:, None] + a) - gammaln(a)).sum(axis=0)
    return float(logsumexp(log_e) - math.log(len(a)))


def log_e_path_uneven(positions: IntArray, n_positions: int) -> FloatArray:
    """(n,) log e-process against "every position of `positions`, (n,) int64 in [0, n_positions), is equally likely"."""
    if bool(((positions < 0) | (positions >= n_positions)).any()) or n_positions < 2:
        raise RerankGuardError(
            f"positions run from {positions.min()} to {positions.max()}; give 0 to {n_positions} - 1, 2 or more."
        )
    seen = np.zeros(len(positions))  # how often each position had come before this draw
    for position in np.unique(positions).tolist():
        where = np.flatnonzero(positions == position)
        seen[where] = np.arange(len(where))
    before = np.arange(len(positions))[:, None]
    a = CONCENTRATIONS
    factors = np.log(
        (seen[:, None] + a) / (before + n_positions * a) * n_positions
    )  # the predictive rule of the prior
    return np.asarray(logsumexp(np.cumsum(factors, axis=0), axis=1) - math.log(len(a)), dtype=np.float64)
