"""Entropy deficits of letter probabilities, and how much of them depends on the input."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr

from rerank_guard.checks.scoring._input_dependence import input_dependent_share, pair_shares
from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.stats.bets import log_e_value_above, log_e_value_below, p_value_of

__all__ = ["Seen", "is_above", "p_below"]

_EXACT = 1e-9
"""Probabilities no further apart than this are equal: what the order of sums changes."""


class Seen:
    """What was measured.

    Args:
        matrix: (U, Nmax) probabilities, padded on the right with 0.
        lengths: (U,) N of each task.
        effect: the least deficit that counts.
        min_letters: fewest letters of which equal probabilities count.

    Attributes:
        matrix, lengths: (U, Nmax) probabilities, padded on the right, and (U,) N.
        n: U.
        effect: the least deficit that counts.
        deficits: (U,) entropy deficits.
        uniform: (U,) whether a task's probabilities are all equal.
        share, compared: the input-dependent share, and over how many tasks.
        pairs: (P,) the shares of disjoint pairs of tasks.
        reference: what their mean is compared with.
    """

    def __init__(self, matrix: FloatArray, lengths: IntArray, effect: float, min_letters: int) -> None:
        self.matrix, self.lengths, self.effect = matrix, lengths, effect
        self.n = len(matrix)
        self.deficits = np.clip(1.0 - entr(matrix).sum(axis=1) / np.log(lengths), 0.0, 1.0)
        self.uniform = exactly_uniform(matrix, lengths, min_letters)
        self.share, self.compared = input_dependent_share(matrix, lengths)
        self.pairs = pair_shares(matrix, lengths)
        self.reference = self.reference_for(effect)

    def reference_for(self, effect: float) -> float:
        """What the pairs' mean share is compared with under an effect."""
        return min(effect, math.log(2.0) / math.log(int(self.lengths.max()))) / 2.0

    def passes(self, effect: float, alpha: float) -> bool:
        """Whether both the deficits and the pairs' shares are shown to be above an effect."""
        far = is_above(self.deficits, effect, alpha)
        return far and is_above(self.pairs, self.reference_for(effect), alpha)


def is_above(values: FloatArray, reference: float, alpha: float) -> bool:
    return len(values) > 0 and log_e_value_above(values, reference) >= math.log(1.0 / alpha)


def p_below(values: FloatArray, reference: float) -> float:
    """The p-value of "the mean is below, or fewer than half of the values reach the reference", at alpha/2 each."""
    if len(values) == 0:
        return 1.0
    of_mean = log_e_value_below(values, reference)
    of_half = log_e_value_below((values >= reference).astype(np.float64), 0.5)
    return min(1.0, 2.0 * p_value_of(max(of_mean, of_half)))


def exactly_uniform(matrix: FloatArray, n_candidates: IntArray, min_letters: int) -> BoolArray:
    """(U,) whether a task's N probabilities equal each other (in half precision they need not equal 1/N)."""
    padded = np.arange(matrix.shape[1]) >= n_candidates[:, None]
    smallest = np.where(padded, np.inf, matrix).min(axis=1)
    equal = matrix.max(axis=1) - smallest <= _EXACT
    fallback: BoolArray = equal & (n_candidates >= min_letters)
    return fallback
