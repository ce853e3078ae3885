"""How well rows of logits predict the observed scores of any scale: as probabilities, and by their order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rerank_guard.checks.comparing.probability_rows import (
    as_probabilities,
    over_their_sum,
    softmax_rows,
    total_variations,
)
from rerank_guard.checks.comparing.ragged_rows import (
    Rows,
    every,
    has_nan,
    ragged,
    row_max,
    row_range,
    row_sum,
    spread_out,
)
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["DISCORDANT", "TIED", "Agreement", "agreement"]

_WIDEST_MARGIN = 1.0
"""Pairs of candidates whose logits are 1 nat apart keep their order in half precision, whose noise is some 0.1."""

_ALIKE = 0.9
"""Least correlation of scores and logits at which one may be a multiple of the other."""

_NOISE = 0.3
"""How far a letter's logit is moved by half precision, in nats: three to four standard deviations."""

DISCORDANT = 0.02
"""Default of the largest share of clear pairs in the other order."""

TIED = 0.05
"""Default of the largest share of clear pairs that are level."""

_VISIBLE = 1e-6
"""Candidates less likely than this may tie: half precision holds no smaller probability."""

_PAIRED_AT_ONCE = 2**13
"""Values of the rows whose pairs are compared at once; with N times as many pairs, 3 MiB of differences at N=50."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of U tasks.

    Attributes:
        apart: (U,) total variation between observed and predicted probabilities, after the best of the readings below.
        compared: (U,) pairs of candidates whose predicted logits are clearly apart: by 1 nat, or by a quarter of the row's
            range where that is less.
        discordant: (U,) share of these that are observed the other way round.
        tied: (U,) share of these that are observed level, though neither is too unlikely to be seen.
        change: (U,) the largest difference of the two rows' log-probabilities in that reading, a common shift left out, in
            nats.
        spread: (U,) the predicted row's range, in nats.
    """

    apart: FloatArray
    compared: FloatArray
    discordant: FloatArray
    tied: FloatArray
    change: FloatArray
    spread: FloatArray

    @property
    def flat(self) -> BoolArray:
        """(U,) whether the predicted row's range is below 4 nats, so that probabilities judge it better than the order."""
        return np.asarray(self.spread < 4.0 * _WIDEST_MARGIN, dtype=np.bool_)

    def matched(self, tolerance: float, max_discordant: float = DISCORDANT, max_tied: float = TIED) -> BoolArray:
        """(U,) the same order apart from near-ties; or, of a flat row, probabilities within `tolerance`.

        Of a row flatter than 1 nat also logits within 0.3 nats, which half precision explains.

        Args:
            tolerance: total variation distance.
            max_discordant: share of the clear pairs that may be in the other order.
            max_tied: share of them that may be level.
        """
        by_order = (self.compared > 0) & (self.discordant <= max_discordant) & (self.tied <= max_tied)
        near = (self.apart <= tolerance) & (self.flat | (self.compared == 0))
        noise = (self.spread < _WIDEST_MARGIN) & (self.change <= _NOISE)
        return np.asarray(by_order | near | noise, dtype=np.bool_)


def agreement(scores: Sequence[FloatArray], logits: Sequence[FloatArray]) -> Agreement:
    """Compare the observed scores with predicted logits.

    The scores are read in the way that brings them nearest to the prediction, one way for all tasks: as probabilities or by
    their softmax; where all are positive, divided by their sum (probabilities over the whole vocabulary); by the softmax of
    a multiple of them (another temperature), the multiple fitted by least squares where the two correlate at 0.9 or more.

    Args:
        scores: one array (N_u,) a task, at least one task; a row with a NaN agrees with nothing.
        logits: the same shapes, finite.
    """
    observed, expected = ragged(scores), ragged(logits)
    with np.errstate(invalid="ignore"):  # a row of infinite logits predicts nothing
        predicted = softmax_rows(
            Ragged(expected.values - spread_out(row_max(expected), expected), expected.offsets)
        )
    best, apart = _nearest(_readings(observed, expected), predicted)
    compared, discordant, tied = _pairs(observed, expected, predicted)
    return Agreement(apart, compared, discordant, tied, _change(best, predicted), row_range(expected))


def _nearest(readings: Iterator[Rows], predicted: Rows) -> tuple[Rows, FloatArray]:
    """The reading with the smallest mean distance from the prediction, the first of equal ones, and its distances."""
    nearest = next(readings)
    apart = total_variations(nearest, predicted)
    for reading in readings:  # one at a time, as each is as large as all scores
        distances = total_variations(reading, predicted)
        if float(distances.mean()) < float(apart.mean()):
            nearest, apart = reading, distances
    return nearest, apart


def _readings(observed: Rows, expected: Rows) -> Iterator[Rows]:
    yield as_probabilities(observed)[0]
    if bool((observed.values > 0.0).all()):
        yield over_their_sum(observed)
    multiple = _multiple(observed, expected)
    if multiple is not None:
        yield as_probabilities(Ragged(observed.values * multiple, observed.offsets))[0]


def _multiple(observed: Rows, expected: Rows) -> float | None:
    """The multiple of the scores that is nearest to the logits; None where they are not alike: 0 would fit what is flat."""
    usable = every(Ragged(np.isfinite(observed.values), observed.offsets))
    if not usable.any():
        return None
    chosen = np.flatnonzero(usable)
    s, h = _centred(observed.take(chosen)), _centred(expected.take(chosen))
    together, squares, squares_too = float(s @ h), float(s @ s), float(h @ h)
    return together / squares if together > _ALIKE * math.sqrt(squares * squares_too) else None


def _centred(rows: Rows) -> FloatArray:
    with np.errstate(invalid="ignore"):  # infinite logits
        return np.asarray(rows.values - spread_out(row_sum(rows) / rows.lengths, rows))


def _change(observed: Rows, predicted: Rows) -> FloatArray:
    """(U,) the largest change of a log-probability against the median change; inf where a probability is not above 0."""
    change = np.full(len(observed), math.inf)
    for tasks, at in _places(observed):
        p, q = observed.values[at], predicted.values[at]
        positive = (p > 0.0).all(axis=1) & (q > 0.0).all(axis=1)  # a NaN is not above 0 either
        difference = np.log(p[positive]) - np.log(q[positive])
        middle = np.median(difference, axis=1, keepdims=True)
        change[tasks[positive]] = np.abs(difference - middle).max(axis=1)
    return change


def _pairs(observed: Rows, expected: Rows, predicted: Rows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(U,) each: pairs compared, the share of them that is discordant, the share that is tied in sight."""
    compared, discordant, tied = (np.zeros(len(observed)) for _ in range(3))
    for tasks, at in _places(observed):
        h, s, visible = expected.values[at], observed.values[at], predicted.values[at] > _VISIBLE
        with np.errstate(invalid="ignore"):  # logits of -inf at other tokens than the letters
            margin = np.minimum(_WIDEST_MARGIN, np.ptp(h, axis=1) / 4.0)
            clear = h[:, :, None] - h[:, None, :] > margin[:, None, None]
        n = clear.sum(axis=(1, 2))
        compared[tasks] = n
        discordant[tasks] = (clear & (s[:, :, None] < s[:, None, :])).sum(axis=(1, 2)) / np.maximum(n, 1)
        level = clear & (s[:, :, None] == s[:, None, :]) & visible[:, None, :]
        tied[tasks] = level.sum(axis=(1, 2)) / np.maximum(n, 1)
    lost = has_nan(observed)
    compared[lost], discordant[lost], tied[lost] = 1.0, 1.0, 0.0
    return compared, discordant, tied


def _places(rows: Rows) -> Iterator[tuple[IntArray, NDArray[np.int64]]]:
    """(r,) task numbers and (r, N) the places of their values in the flat array, for tasks of one N at a time."""
    return Ragged(np.arange(len(rows.values), dtype=np.int64), rows.offsets).matrices(_PAIRED_AT_ONCE)
