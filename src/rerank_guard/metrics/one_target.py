"""One target a user: the figures that the checks read, as functions."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.cutoff import require_cutoff
from rerank_guard.metrics.found import Hit
from rerank_guard.metrics.rows import CandidateValues
from rerank_guard.metrics.target_standing import TargetPositions, target_standing

__all__ = ["expected_hit_at_k", "tie_gap_at_k", "tied_with_target"]


def expected_hit_at_k(scores: CandidateValues, target_index: TargetPositions, k: int) -> FloatArray:
    """Probability that the target item is in the top k when ties are broken uniformly at random.

    With g candidates strictly above the target and t at its own score (itself included) it is clip((k - g) / t, 0, 1).

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        target_index: 0-based position of the target item, None where it is not among the candidates: such a user is a miss
            (end-to-end evaluation).
        k: cutoff, at least 1.

    Returns:
        (U,) float64 in [0, 1]; its mean is Hit@k, which with one target is Recall@k.

    Raises:
        InvalidScoresError: malformed scores.
        InvalidTaskError: a target_index outside the candidates.
        VacuousMetricError: k below 1.
    """
    hit = Hit(k)
    return target_standing(scores, target_index).values(hit)


def tie_gap_at_k(scores: CandidateValues, target_index: TargetPositions, k: int) -> float:
    """Hit@k when every tie falls for the target, minus Hit@k when every tie falls against it; in [0, 1].

    What a stable sort can add or hide, depending on the targets' positions in the input. 0.0 for no users.
    """
    require_cutoff(k)
    return target_standing(scores, target_index).tie_gap_at(k)


def tied_with_target(scores: CandidateValues, target_index: TargetPositions) -> FloatArray:
    """Share of the other candidates whose score equals the target's.

    Equals the user's gap between optimistic and pessimistic hit, averaged over all cutoffs 1 to N - 1.

    Returns:
        (P,) float64 in [0, 1], one entry for each user whose target is among the candidates.
    """
    standing = target_standing(scores, target_index)
    tied, n = standing.tied[standing.present], standing.n_candidates[standing.present]
    return np.asarray((tied - 1.0) / np.maximum(n - 1.0, 1.0))
