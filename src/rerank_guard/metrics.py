"""Ranking metrics in expectation over ties, for ragged lists of candidates.

A stable sort hands tied candidates out in input order, so that a constant score with the target in slot 0 looks
perfect. Here ties are broken uniformly at random, in expectation: a candidate with g candidates strictly above it
and t candidates at its own score (itself included) stands in the top k with probability

    clip((k - g) / t, 0, 1)

(McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in the presence of tied
scores"). Rank 1 is the highest score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom, rankdata

from rerank_guard.errors import InvalidScoresError, InvalidTaskError, VacuousMetricError
from rerank_guard.types import BoolArray, FloatArray, IntArray

__all__ = [
    "as_probability_matrix",
    "as_score_matrix",
    "as_score_rows",
    "expected_hit_at_k",
    "hit_rate_at_k",
    "recall_at_k",
    "require_informative_cutoff",
    "tie_gap_at_k",
    "tied_with_target",
]

_SUM_TOLERANCE = 1e-4
"""How far the sum of probabilities may stray from 1: what a float32 softmax written with few digits does."""


def as_score_matrix(
    scores: Sequence[FloatArray], n_candidates: Sequence[int], *, what: str = "scores"
) -> tuple[FloatArray, IntArray]:
    """Ragged scores as one matrix.

    Args:
        scores: one array (N_u,) a user, higher is better; any scale, any real dtype.
        n_candidates: (U,) the number of candidates N_u of each user.
        what: what the values are called in error messages.

    Returns:
        (U, Nmax) float64, padded on the right with -inf, and (U,) int64 N.

    Raises:
        InvalidScoresError: another number of rows than users, a row that is not 1-D of length N_u, or a value that
            is not a finite number.
    """
    return _as_matrix(scores, n_candidates, what, padding=-np.inf)


def as_score_rows(
    scores: Sequence[FloatArray], n_candidates: Sequence[int], *, what: str = "scores"
) -> list[FloatArray]:
    """Each user's scores as (N_u,) float64, of the right shape but possibly not finite.

    Args:
        scores: one array (N_u,) a user, any real dtype.
        n_candidates: (U,) the number of candidates N_u of each user.
        what: what the values are called in error messages.

    Raises:
        InvalidScoresError: another number of rows than users, or a row that is not 1-D of length N_u.
    """
    if len(scores) != len(n_candidates):
        raise InvalidScoresError(
            f"{what} has {len(scores)} rows for {len(n_candidates)} users; give one array a user, in task order."
        )
    pairs = zip(scores, n_candidates, strict=True)
    return [_as_row(row, int(length), index, what) for index, (row, length) in enumerate(pairs)]


def as_probability_matrix(
    probabilities: Sequence[FloatArray],
    n_candidates: Sequence[int] | None = None,
    *,
    what: str = "probabilities",
) -> tuple[FloatArray, IntArray]:
    """Ragged probabilities as one matrix.

    Args:
        probabilities: one array (N_u,) a user, non-negative, summing to 1 within 1e-4.
        n_candidates: (U,) N_u of each user; None takes each row's own length.
        what: what the values are called in error messages.

    Returns:
        (U, Nmax) float64, padded on the right with 0, each row divided by its sum (within 1e-4 of 1, else an
        error), and (U,) int64 N.

    Raises:
        InvalidScoresError: wrong shape, fewer than two entries, negative or non-finite entries, a sum off by more.
    """
    if n_candidates is None:
        n_candidates = [np.size(row) for row in probabilities]
    matrix, n = _as_matrix(probabilities, n_candidates, what, padding=0.0)
    if bool((n < 2).any()):
        row = int(np.flatnonzero(n < 2)[0])
        raise InvalidScoresError(
            f"{what} of user row {row} has {n[row]} entries; a ranking needs at least 2 candidates."
        )
    if bool((matrix < 0).any()):
        row, slot = (int(i) for i in np.argwhere(matrix < 0)[0])
        raise InvalidScoresError(
            f"{what} of user row {row} is {matrix[row, slot]!s} at slot {slot}; probabilities are not negative. "
            "These look like logits or scores: apply a softmax over the N letters in use."
        )
    sums = matrix.sum(axis=1)
    if bool((np.abs(sums - 1.0) > _SUM_TOLERANCE).any()):
        row = int(np.flatnonzero(np.abs(sums - 1.0) > _SUM_TOLERANCE)[0])
        raise InvalidScoresError(
            f"{what} of user row {row} sum to {sums[row]:.6g}, not 1; apply the softmax over the N letters in use "
            "alone, not over the whole vocabulary."
        )
    return matrix / sums[:, None], n


def expected_hit_at_k(scores: Sequence[FloatArray], target_index: Sequence[int | None], k: int) -> FloatArray:
    """Probability that the target stands in the top k when ties are broken uniformly at random.

    Args:
        scores: one array (N_u,) a user, higher is better.
        target_index: 0-based slot of the target, None where it is not among the candidates: such a user is a miss
            (end-to-end evaluation).
        k: cutoff, at least 1.

    Returns:
        (U,) float64 in [0, 1]; its mean is Hit@k, which with one target is Recall@k.

    Raises:
        InvalidScoresError: malformed scores.
        InvalidTaskError: a target_index outside the candidates.
        VacuousMetricError: k below 1.
    """
    present, above, tied = _target_standing(scores, target_index, k)
    hits = np.zeros(len(present))
    hits[present] = np.clip((k - above) / tied, 0.0, 1.0)
    return hits


def tie_gap_at_k(scores: Sequence[FloatArray], target_index: Sequence[int | None], k: int) -> float:
    """Hit@k when every tie falls for the target, minus Hit@k when every tie falls against it; in [0, 1].

    What a stable sort can add or hide, depending on where the targets stand in the input. 0.0 for no users.
    """
    present, above, tied = _target_standing(scores, target_index, k)
    if len(present) == 0:
        return 0.0
    return float(((above < k) & (above + tied > k)).sum() / len(present))


def tied_with_target(scores: Sequence[FloatArray], target_index: Sequence[int | None]) -> FloatArray:
    """Share of the other candidates whose score equals the target's.

    Equals the user's gap between optimistic and pessimistic hit, averaged over all cutoffs 1 to N - 1.

    Returns:
        (P,) float64 in [0, 1], one entry for each user whose target is among the candidates.
    """
    present, _, tied = _target_standing(scores, target_index, 1)
    n = np.array([np.size(row) for row in scores], dtype=np.float64)[present]
    return (tied - 1.0) / (n - 1.0)


def recall_at_k(scores: Sequence[FloatArray], relevant: Sequence[BoolArray], k: int) -> FloatArray:
    """Expected share of a user's relevant candidates that stand in the top k.

    Args:
        scores: one array (N_u,) a user, higher is better.
        relevant: one boolean array (N_u,) a user.
        k: cutoff, at least 1.

    Returns:
        (U,) float64 in [0, 1]; 0.0 for a user without a relevant candidate (end-to-end evaluation).
    """
    is_relevant, in_top, _, _ = _standing_of_all(scores, relevant, k)
    found = (in_top * is_relevant).sum(axis=1)
    return np.asarray(found / np.maximum(is_relevant.sum(axis=1), 1), dtype=np.float64)


def hit_rate_at_k(scores: Sequence[FloatArray], relevant: Sequence[BoolArray], k: int) -> FloatArray:
    """Probability that at least one relevant candidate stands in the top k; not `recall_at_k`, unless one is
    relevant.

    Among the t candidates tied across the cutoff, r of them relevant, m get in: none of them is relevant with the
    hypergeometric probability C(t - r, m) / C(t, m).

    Args:
        scores: one array (N_u,) a user, higher is better.
        relevant: one boolean array (N_u,) a user.
        k: cutoff, at least 1.

    Returns:
        (U,) float64 in [0, 1]; 0.0 for a user without a relevant candidate.
    """
    is_relevant, in_top, best_rank, tied = _standing_of_all(scores, relevant, k)
    certain = ((in_top == 1.0) & is_relevant).any(axis=1)
    across = (in_top > 0.0) & (in_top < 1.0)  # at most one tied group a user
    size = np.where(across, tied, 0).max(axis=1)
    free = np.where(across, k - best_rank + 1, 0).max(axis=1)
    relevant_across = (across & is_relevant).sum(axis=1)
    missed = np.where(relevant_across > 0, hypergeom.pmf(0, size, relevant_across, free), 1.0)
    return np.where(certain, 1.0, 1.0 - missed)


def require_informative_cutoff(k: int, n_candidates: Sequence[int]) -> None:
    """Refuse a cutoff at which the metric cannot fail.

    Raises:
        VacuousMetricError: k below 1, or k at or above the smallest number of candidates, where Hit@k is 1 whatever
            the scores are.
        InvalidTaskError: no users.
    """
    _require_cutoff(k)
    if len(n_candidates) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")
    smallest = min(n_candidates)
    if k >= smallest:
        full = sum(1 for n in n_candidates if k >= n)
        raise VacuousMetricError(
            f"Recall@{k} with {smallest} candidates is 1 whatever the scores are ({full} of {len(n_candidates)} "
            f"users have at most {k} candidates); take K below {smallest}, or list more candidates."
        )


def _require_cutoff(k: int) -> None:
    if k < 1:
        raise VacuousMetricError(f"K={k} keeps no candidate, so every user is a miss; take K of at least 1.")


def _as_matrix(
    rows: Sequence[FloatArray], n_candidates: Sequence[int], what: str, padding: float
) -> tuple[FloatArray, IntArray]:
    n = np.asarray(n_candidates, dtype=np.int64).reshape(-1)
    arrays = as_score_rows(rows, n_candidates, what=what)
    matrix = np.full((len(n), int(n.max(initial=0))), padding)
    filled = np.arange(matrix.shape[1]) < n[:, None]
    if arrays:
        matrix[filled] = np.concatenate(arrays)
    bad = filled & ~np.isfinite(matrix)
    if bool(bad.any()):
        row_index, slot = (int(i) for i in np.argwhere(bad)[0])
        raise InvalidScoresError(
            f"{what} of user row {row_index} is {matrix[row_index, slot]} at slot {slot} ({int(bad.sum())} such "
            f"values in {int(bad.any(axis=1).sum())} of {len(n)} rows); every value must be a finite number. Look "
            "for NaN weights, an overflow in half precision, or a masked-out row."
        )
    return matrix, n


def _as_row(row: FloatArray, length: int, index: int, what: str) -> FloatArray:
    try:
        array = np.asarray(row, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidScoresError(
            f"{what} of user row {index} cannot be read as float64 ({error}); give a 1-D array of real numbers."
        ) from error
    if array.ndim != 1 or len(array) != length:
        raise InvalidScoresError(
            f"{what} of user row {index} has shape {array.shape} for {length} candidates; give shape ({length},), "
            "one value a candidate in slot order."
        )
    return array


def _target_standing(
    scores: Sequence[FloatArray], target_index: Sequence[int | None], k: int
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """(U,) whether the target is present; for those users how many stand above it, and how many level."""
    _require_cutoff(k)
    matrix, n = as_score_matrix(scores, [np.size(row) for row in scores])
    if len(target_index) != len(n):
        raise InvalidTaskError(
            f"{len(target_index)} target_index for {len(n)} users; give one a user, None when missing."
        )
    present = np.array([index is not None for index in target_index], dtype=np.bool_)
    index = np.array([-1 if slot is None else slot for slot in target_index], dtype=np.int64)
    outside = present & ((index < 0) | (index >= n))
    if bool(outside.any()):
        row = int(np.flatnonzero(outside)[0])
        raise InvalidTaskError(
            f"target_index {index[row]} of user row {row} is outside its {n[row]} candidates; slots run from 0 to "
            f"{n[row] - 1}, and None says that the target is missing."
        )
    rows = matrix[present]
    target = np.take_along_axis(rows, index[present][:, None], axis=1)
    return present, (rows > target).sum(axis=1).astype(np.float64), (rows == target).sum(axis=1).astype(np.float64)


def _standing_of_all(
    scores: Sequence[FloatArray], relevant: Sequence[BoolArray], k: int
) -> tuple[BoolArray, FloatArray, IntArray, IntArray]:
    """(U, Nmax) each: relevance, probability of the top k, best possible rank, size of the tied group."""
    _require_cutoff(k)
    lengths = [np.size(row) for row in scores]
    matrix, _ = as_score_matrix(scores, lengths)
    marks, _ = _as_matrix([np.asarray(row, dtype=np.float64) for row in relevant], lengths, "relevant", padding=0.0)
    best = rankdata(-matrix, method="min", axis=1).astype(np.int64)
    worst = rankdata(-matrix, method="max", axis=1).astype(np.int64)
    tied = worst - best + 1
    return marks != 0.0, np.clip((k - best + 1) / tied, 0.0, 1.0), best, tied
