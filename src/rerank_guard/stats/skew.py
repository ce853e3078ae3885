"""Are letters, or the targets' slots, used unevenly?

Under the null each of n draws falls on one of N slots with probability 1/N. A gambler who believes in a Dirichlet(a)
prior on the slots' shares, symmetric with concentration a each, has after counts c the wealth

    E_a = N^n * Gamma(N a) / Gamma(n + N a) * prod_j Gamma(c_j + a) / Gamma(a),

the Dirichlet-multinomial's probability of the sequence over the uniform's (Good 1967; as an e-process: Lindon and Malek
2022, "Anytime-valid inference for multinomial count data"). Small a suits a few favoured slots, large a a slight tilt of
many; the average over several is an e-process too.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from rerank_guard.errors import RerankGuardError
from rerank_guard.types import FloatArray, IntArray

__all__ = ["CONCENTRATIONS", "log_e_path_uneven", "log_e_value_uneven"]

CONCENTRATIONS: FloatArray = np.array([0.1, 0.5, 1.0, 5.0, 20.0, 100.0])


def log_e_value_uneven(counts: IntArray) -> float:
    """Log e-value, in nats, against "all slots are equally likely".

    Args:
        counts: (N,) int64 >= 0, N >= 1: how often each slot came. With one slot the log e-value is 0.

    Raises:
        RerankGuardError: no slots, or a negative count.
    """
    if counts.ndim != 1 or len(counts) < 1 or bool((counts < 0).any()):
        raise RerankGuardError(f"counts are {counts!r:.200}; give one count >= 0 for each of at least 1 slot.")
    n_slots, n = len(counts), int(counts.sum())
    a = CONCENTRATIONS
    log_e = gammaln(n_slots * a) - gammaln(n + n_slots * a) + n * math.log(n_slots)
    log_e += (gammaln(counts[:, None] + a) - gammaln(a)).sum(axis=0)
    return float(logsumexp(log_e) - math.log(len(a)))


def log_e_path_uneven(slots: IntArray, n_slots: int) -> FloatArray:
    """(n,) log e-process against "every slot of `slots`, (n,) int64 in [0, n_slots), is equally likely"."""
    if bool(((slots < 0) | (slots >= n_slots)).any()) or n_slots < 2:
        raise RerankGuardError(
            f"slots run from {slots.min()} to {slots.max()}; give 0 to {n_slots} - 1, 2 or more."
        )
    seen = np.zeros(len(slots))  # how often each slot had come before this draw
    for slot in np.unique(slots).tolist():
        where = np.flatnonzero(slots == slot)
        seen[where] = np.arange(len(where))
    before = np.arange(len(slots))[:, None]
    a = CONCENTRATIONS
    factors = np.log((seen[:, None] + a) / (before + n_slots * a) * n_slots)  # the predictive rule of the prior
    return np.asarray(logsumexp(np.cumsum(factors, axis=0), axis=1) - math.log(len(a)), dtype=np.float64)
