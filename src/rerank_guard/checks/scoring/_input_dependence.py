"""How much of the letter probabilities depends on the input, and not on the letter alone."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["input_dependent_share", "pair_shares"]


def input_dependent_share(matrix: FloatArray, n_candidates: IntArray) -> tuple[float | None, int]:
    """The part of the entropy deficit that depends on the input.

    The generalised Jensen-Shannon divergence (Lin 1991) of the tasks' distributions, entropy of the mean minus mean of the
    entropies, over log N, averaged over the tasks that share their N with another.

    Args:
        matrix: (U, Nmax) probabilities, padded on the right.
        n_candidates: (U,) N of each task, N >= 2.

    Returns:
        The share, in [0, 1], None where no two tasks share their N; and how many tasks do.
    """
    shares, counts = [], []
    for n in np.unique(n_candidates):
        rows = matrix[n_candidates == n, :n]
        if len(rows) < 2:
            continue
        divergence = entr(rows.mean(axis=0)).sum() - entr(rows).sum(axis=1).mean()
        shares.append(max(0.0, float(divergence)) / math.log(n))
        counts.append(len(rows))
    return (float(np.average(shares, weights=counts)) if counts else None), sum(counts)


def pair_shares(matrix: FloatArray, n_candidates: IntArray) -> FloatArray:
    """(P,) the same share of tasks 0 and 1, 2 and 3, ... among those of one N: independent of each other, each in [0, 1]."""
    shares = [np.zeros(0)]
    for n in np.unique(n_candidates):
        rows = matrix[n_candidates == n, :n]
        whole = len(rows) // 2 * 2
        first, second = rows[0:whole:2], rows[1:whole:2]
        apart = entr((first + second) / 2.0).sum(axis=1) - (entr(first) + entr(second)).sum(axis=1) / 2.0
        shares.append(np.clip(apart / math.log(n), 0.0, 1.0))
    return np.concatenate(shares)
