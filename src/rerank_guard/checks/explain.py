"""Rows of scores on one scale, how far two of them are apart, and which of several explanations comes closest.

Scores may be logits, log-probabilities or probabilities. They are compared as probabilities over the letters: as they are
where they are non-negative and sum to 1, else by their softmax. A softmax undoes the normalisation of log-probabilities,
so all three agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import softmax

from rerank_guard.errors import InvalidScoresError
from rerank_guard.types import FloatArray

__all__ = [
    "explain_scores",
    "is_probability_row",
    "letter_probabilities",
    "probability_rows",
    "total_variation",
]

_SUM_TOLERANCE = 1e-2
"""How far the sum of probabilities may stray from 1: what half precision or three decimals do."""


def is_probability_row(row: FloatArray) -> bool:
    """Whether a row (N,) is non-negative and sums to 1 within 0.01."""
    values = np.asarray(row, dtype=np.float64)
    return bool((values >= 0.0).all()) and abs(float(values.sum()) - 1.0) <= _SUM_TOLERANCE


def letter_probabilities(row: FloatArray) -> FloatArray:
    """One row of scores as probabilities over the letters.

    Args:
        row: (N,) real: logits, log-probabilities or probabilities. -inf is a probability of 0.

    Returns:
        (N,) float64: the row, divided by its sum, where it is non-negative and sums to 1 within 0.01; else its softmax.
        All NaN where the row holds a NaN; uniform over the +inf of a row that has any, and over all where all are -inf.
    """
    values = np.asarray(row, dtype=np.float64)
    return values / values.sum() if is_probability_row(values) else _softmax(values)


def probability_rows(*runs: Sequence[FloatArray]) -> tuple[list[FloatArray], ...]:
    """Several runs of one reranker as probabilities; what kind of scores it gives is told from all rows together.

    A pair of logits may sum to 1 by chance, and not sum to 1 in the next run: told row by row, the same reranker would
    seem to change its mind.

    Args:
        runs: sequences of rows (N,) of the same scorer.

    Returns:
        One list of float64 rows for each run: as `letter_probabilities`, but taken as probabilities only where every row
        of every run is one. Rows with a NaN do not vote.
    """
    voting = [row for rows in runs for row in rows if not np.isnan(row).any()]
    as_given = all(is_probability_row(row) for row in voting)
    read = letter_probabilities if as_given else _softmax
    return tuple([read(np.asarray(row, dtype=np.float64)) for row in rows] for rows in runs)


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
    lost, lost_too = bool(np.isnan(first).any()), bool(np.isnan(second).any())
    if lost or lost_too:
        return 0.0 if lost and lost_too else 1.0
    return min(1.0, float(np.abs(first - second).sum() / 2.0))


def explain_scores(
    scores: Sequence[FloatArray], candidates: Mapping[str, Sequence[FloatArray]]
) -> list[tuple[str, float]]:
    """How far the observed rows are from each of several explanations.

    Args:
        scores: one array (N_u,) a user: logits, log-probabilities or probabilities.
        candidates: name to the rows that this explanation predicts, for the same users in the same order, of any of the
            three kinds too.

    Returns:
        (name, mean total variation over the users), the nearest first; ties in the order given.

    Raises:
        InvalidScoresError: no users, or an explanation of another number of rows, or of rows of another length.
    """
    if len(scores) == 0:
        raise InvalidScoresError("there are no scores to explain; give one array a user.")
    (observed,) = probability_rows(scores)
    found = []
    for name, rows in candidates.items():
        if len(rows) != len(scores):
            raise InvalidScoresError(
                f"the explanation {name!r} has {len(rows)} rows for {len(scores)} users; give one array a user."
            )
        (predicted,) = probability_rows(rows)
        distances = [total_variation(p, q) for p, q in zip(observed, predicted, strict=True)]
        found.append((name, float(np.mean(distances))))
    return sorted(found, key=lambda pair: pair[1])


def _softmax(values: FloatArray) -> FloatArray:
    if np.isnan(values).any():
        return np.full(len(values), np.nan)
    highest = values.max(initial=-np.inf)
    if np.isinf(highest):
        at_top = values == highest
        return np.asarray(at_top / at_top.sum(), dtype=np.float64)
    return np.asarray(softmax(values), dtype=np.float64)
