"""Rows of scores on one scale, and how far two of them are apart.

Scores may be logits, log-probabilities or probabilities. They are compared as probabilities over the letters: as they are
where they are non-negative and sum to 1, else by their softmax. A softmax undoes the normalisation of log-probabilities,
so all three agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import (
    Rows,
    has_nan,
    ragged,
    row_max,
    row_min,
    row_sum,
    split,
    spread_out,
)
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import BoolArray, FloatArray

__all__ = [
    "are_given_as_probabilities",
    "are_probability_rows",
    "as_probabilities",
    "is_probability_row",
    "letter_probabilities",
    "over_their_sum",
    "probability_rows",
    "softmax_rows",
    "total_variation",
    "total_variations",
]

_SUM_TOLERANCE = 1e-2
"""How far the sum of probabilities may be from 1: what half precision or three decimals do."""


def are_probability_rows(rows: Rows) -> BoolArray:
    """(U,) whether a row is non-negative and sums to 1 within 0.01; False of a row with a NaN."""
    return np.asarray((row_min(rows) >= 0.0) & (np.abs(row_sum(rows) - 1.0) <= _SUM_TOLERANCE))


def is_probability_row(row: FloatArray) -> bool:
    """Whether a row (N,) is non-negative and sums to 1 within 0.01."""
    return bool(are_probability_rows(ragged([row]))[0])


def letter_probabilities(row: FloatArray) -> FloatArray:
    """One row of scores as probabilities over the letters.

    Args:
        row: (N,) real, N >= 1: logits, log-probabilities or probabilities. -inf is a probability of 0.

    Returns:
        (N,) float64: the row, divided by its sum, where it is non-negative and sums to 1 within 0.01; else its softmax.
        All NaN where the row holds a NaN; uniform over the +inf of a row that has any, and over all where all are -inf.
    """
    rows = ragged([row])
    return (over_their_sum(rows) if are_probability_rows(rows)[0] else softmax_rows(rows)).values


def probability_rows(*runs: Sequence[FloatArray]) -> tuple[list[FloatArray], ...]:
    """Several runs of one reranker as probabilities; what kind of scores it gives is decided from all rows together.

    A pair of logits may sum to 1 by chance, and not sum to 1 in the next run: decided row by row, the same reranker would
    seem to give another kind of scores.

    Args:
        runs: sequences of rows (N,) of the same scorer.

    Returns:
        One list of float64 rows for each run: as `letter_probabilities`, but taken as probabilities only where every row
        of every run is one. Rows with a NaN do not count.
    """
    return tuple(split(rows) for rows in as_probabilities(*(ragged(rows) for rows in runs)))


def as_probabilities(*runs: Rows) -> tuple[Rows, ...]:
    """`probability_rows` of flat rows."""
    read = over_their_sum if are_given_as_probabilities(*runs) else softmax_rows
    return tuple(read(rows) for rows in runs)


def are_given_as_probabilities(*runs: Rows) -> bool:
    """Whether every row of every run that holds no NaN is one of probabilities."""
    return all(bool((are_probability_rows(rows) | has_nan(rows)).all()) for rows in runs)


def over_their_sum(rows: Rows) -> Rows:
    """Each row divided by its sum."""
    return Ragged(rows.values / spread_out(row_sum(rows), rows), rows.offsets)


def softmax_rows(rows: Rows) -> Rows:
    """Each row's softmax; see `letter_probabilities` for NaN and infinite values."""
    highest = spread_out(row_max(rows), rows)
    with np.errstate(invalid="ignore"):  # inf - inf, which the next lines replace
        raised = np.exp(rows.values - highest)
    infinite = np.isinf(highest)
    raised[infinite] = rows.values[infinite] == highest[infinite]
    return over_their_sum(Ragged(raised, rows.offsets))


def total_variation(first: FloatArray, second: FloatArray) -> float:
    """Total variation distance sum |p - q| / 2 of two rows of probabilities, in [0, 1].

    1.0 where one row is not a number and the other is; 0.0 where both are not.

    Raises:
        InvalidScoresError: the rows differ in length.
    """
    if first.shape != second.shape:
        raise InvalidScoresError(
            f"two rows of scores of shapes {first.shape} and {second.shape} cannot be compared; give one value a candidate."
        )
    return float(total_variations(ragged([first]), ragged([second]))[0])


def total_variations(first: Rows, second: Rows) -> FloatArray:
    """(U,) `total_variation` of each row and the one of the same number, which has the same length."""
    lost, lost_too = has_nan(first), has_nan(second)
    distances = np.minimum(1.0, row_sum(Ragged(np.abs(first.values - second.values), first.offsets)) / 2.0)
    return np.where(lost & lost_too, 0.0, np.where(lost | lost_too, 1.0, distances))
