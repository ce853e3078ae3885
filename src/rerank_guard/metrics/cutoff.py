"""Cutoffs K: which are possible, which can fail, and what several targets can reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.errors import InvalidTaskError, VacuousMetricError
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["recall_ceiling_at_k", "require_cutoff", "require_informative_cutoff"]


def require_informative_cutoff(k: int, n_candidates: Sequence[int] | IntArray) -> None:
    """Refuse a cutoff at which the metric cannot fail for any user.

    Args:
        k: the cutoff.
        n_candidates: (U,) N of each user.

    Raises:
        VacuousMetricError: k below 1, or k at or above every number of candidates, where Hit@k is 1 whatever the scores are.
        InvalidTaskError: no users.
    """
    require_cutoff(k)
    if len(n_candidates) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")
    largest = int(np.asarray(n_candidates).max())
    if k >= largest:
        raise VacuousMetricError(
            f"Recall@{k} with at most {largest} candidates is 1 whatever the scores are (all {len(n_candidates)} users have at "
            f"most {k} candidates); take K below {largest}, or list more candidates."
        )


def require_cutoff(k: int) -> None:
    """Refuse a cutoff that keeps nothing.

    Raises:
        VacuousMetricError: k below 1.
    """
    if k < 1:
        raise VacuousMetricError(f"K={k} keeps no candidate, so every user is a miss; take K of at least 1.")


def recall_ceiling_at_k(n_relevant: Sequence[int] | IntArray, k: int) -> FloatArray:
    """The best Recall@k that any ranking can have: min(k, m) / m.

    With several targets Recall@k cannot reach 1 while k < m, so a recall says little without its ceiling.

    Args:
        n_relevant: (U,) m, the number of relevant candidates of each user, not negative.
        k: cutoff, at least 1.

    Returns:
        (U,) float64 in [0, 1]; 0.0 for a user without a relevant candidate, whose Recall@k is 0 by convention.

    Raises:
        VacuousMetricError: k below 1.
        InvalidTaskError: a count that is negative or no whole number.
    """
    require_cutoff(k)
    counts = np.asarray(n_relevant)
    wrong = (
        (counts < 0) | (counts != np.floor(counts)) if counts.dtype.kind in "biuf" else np.ones(counts.shape, bool)
    )
    if bool(wrong.any()):
        raise InvalidTaskError(
            f"n_relevant is {counts[wrong][0]!s} for user row {int(np.flatnonzero(wrong)[0])}; give the number of "
            "relevant candidates of each user, a whole number from 0."
        )
    return np.asarray(np.minimum(counts, k) / np.maximum(counts, 1), dtype=np.float64)
