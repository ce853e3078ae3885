"""Ragged rows as one matrix, or an error that names the row and the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["CandidateValues", "as_probability_matrix", "as_row", "as_score_matrix", "as_score_rows", "not_finite"]

CandidateValues: TypeAlias = Sequence[FloatArray] | NDArray[Any]
"""One value a candidate: a sequence of (N_u,) arrays, one a user, or one (U, N) matrix where all have N candidates."""

_SUM_TOLERANCE = 1e-2
"""How far the sum of probabilities may be from 1: what a float32 softmax written with few digits does."""


def as_score_matrix(
    scores: CandidateValues, n_candidates: Sequence[int] | IntArray, *, what: str = "scores"
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
    scores: CandidateValues, n_candidates: Sequence[int] | IntArray, *, what: str = "scores"
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
    return [as_row(row, int(length), index, what) for index, (row, length) in enumerate(pairs)]


def as_probability_matrix(
    probabilities: CandidateValues,
    n_candidates: Sequence[int] | IntArray | None = None,
    *,
    what: str = "probabilities",
) -> tuple[FloatArray, IntArray]:
    """Ragged probabilities as one matrix.

    Args:
        probabilities: one array (N_u,) a user, non-negative, summing to 1 within 0.01.
        n_candidates: (U,) N_u of each user; None takes each row's own length.
        what: what the values are called in error messages.

    Returns:
        (U, Nmax) float64, padded on the right with 0, each row divided by its sum (within 0.01 of 1, else an
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
        row, position = (int(i) for i in np.argwhere(matrix < 0)[0])
        raise InvalidScoresError(
            f"{what} of user row {row} is {matrix[row, position]!s} at position {position}; probabilities are not negative. "
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


def _as_matrix(
    rows: CandidateValues, n_candidates: Sequence[int] | IntArray, what: str, padding: float
) -> tuple[FloatArray, IntArray]:
    n = np.asarray(n_candidates, dtype=np.int64).reshape(-1)
    arrays = as_score_rows(rows, n_candidates, what=what)
    matrix = np.full((len(n), int(n.max(initial=0))), padding)
    filled = np.arange(matrix.shape[1]) < n[:, None]
    if arrays:
        matrix[filled] = np.concatenate(arrays)
    bad = filled & ~np.isfinite(matrix)
    if bool(bad.any()):
        raise not_finite(matrix, bad, what)
    return matrix, n


def not_finite(matrix: NDArray[np.floating[Any]], bad: BoolArray, what: str) -> InvalidScoresError:
    """The error for values that are NaN or infinite.

    Args:
        matrix: (U, Nmax) the values.
        bad: (U, Nmax) True at the values that are not finite; at least one.
        what: what the values are called.
    """
    row_index, position = (int(i) for i in np.argwhere(bad)[0])
    return InvalidScoresError(
        f"{what} of user row {row_index} is {matrix[row_index, position]} at position {position} ({int(bad.sum())} such "
        f"values in {int(bad.any(axis=1).sum())} of {len(matrix)} rows); every value must be a finite number. Look "
        "for NaN weights, an overflow in half precision, or a masked-out row."
    )


def as_row(row: Any, length: int, index: int, what: str) -> FloatArray:
    """One user's values as (N_u,) float64.

    Raises:
        InvalidScoresError: not real numbers, or not of shape (length,).
    """
    if isinstance(row, np.ndarray) and row.dtype.kind == "c":  # numpy would drop the imaginary part with a warning
        raise InvalidScoresError(
            f"{what} of user row {index} is complex ({row.dtype}); give a 1-D array of real numbers."
        )
    try:
        array = np.asarray(row, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidScoresError(
            f"{what} of user row {index} cannot be read as float64 ({error}); give a 1-D array of real numbers."
        ) from error
    if array.ndim != 1 or len(array) != length:
        raise InvalidScoresError(
            f"{what} of user row {index} has shape {array.shape} for {length} candidates; give shape ({length},), "
            "one value a candidate, in the order of the list."
        )
    return array
