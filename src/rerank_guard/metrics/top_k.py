"""How many relevant candidates the top k holds, as the distribution that tied scores leave open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.relevance_blocks import standing_blocks
from rerank_guard.metrics.rows import CandidateValues

__all__ = ["TopKCounts", "top_k_counts"]


@dataclass(frozen=True, slots=True)
class TopKCounts:
    """The number of relevant candidates in the top k of each user, given the scores.

    It is `certain` plus a hypergeometric number: of `tied` candidates, `tied_relevant` of them relevant, uniformly
    random tie orders put `free` into the top k. At most one group of tied candidates is across the cutoff.

    Attributes:
        certain: (U,) int64, relevant candidates in the top k in every tie order.
        tied: (U,) int64, size of the group across the cutoff if it holds a relevant candidate, else 0.
        tied_relevant: (U,) int64, relevant candidates of that group; 0 where `tied` is 0.
        free: (U,) int64, places of the top k left to that group, from 1 to tied - 1; 0 where `tied` is 0.
    """

    certain: IntArray
    tied: IntArray
    tied_relevant: IntArray
    free: IntArray

    def expected(self) -> FloatArray:
        """(U,) float64, the mean number: certain + free * tied_relevant / tied."""
        return np.asarray(self.certain + self.free * self.tied_relevant / np.maximum(self.tied, 1))

    def probabilities(self) -> FloatArray:
        """(U, M + 1) float64, the probability of 0, 1, ..., M relevant candidates in the top k.

        M is the largest number that any user can have there.
        """
        most = self.certain + np.minimum(self.tied_relevant, self.free)
        found = np.arange(int(most.max(initial=0)) + 1)
        by_chance = found - self.certain[:, None]
        probabilities = (by_chance == 0).astype(np.float64)
        rows = np.flatnonzero(self.tied)
        probabilities[rows] = hypergeom.pmf(
            by_chance[rows], self.tied[rows, None], self.tied_relevant[rows, None], self.free[rows, None]
        )
        return np.asarray(probabilities, dtype=np.float64)


def top_k_counts(scores: CandidateValues, relevance: CandidateValues, k: int) -> TopKCounts:
    """How many relevant candidates of each user are in the top k, ties left open.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        relevance: of the same shapes; boolean, or grades of which those above 0 are relevant.
        k: cutoff, at least 1.

    Raises:
        VacuousMetricError: k below 1.
        InvalidScoresError: malformed or non-finite scores or relevance.
        InvalidTaskError: a negative grade.
    """
    require_cutoff(k)
    n_users = len(scores)
    certain, tied, tied_relevant, free = (np.zeros(n_users, dtype=np.int64) for _ in range(4))
    for users, standing in standing_blocks(scores, relevance):
        places = standing.places_in_top(k)
        across = (places > 0) & (places < standing.tied)
        certain[users] = (standing.present & (places == standing.tied)).sum(axis=1)
        tied[users] = np.where(across, standing.tied, 0).max(axis=1, initial=0)
        tied_relevant[users] = across.sum(axis=1)
        free[users] = np.where(across, places, 0).max(axis=1, initial=0)
    return TopKCounts(certain, tied, tied_relevant, free)
