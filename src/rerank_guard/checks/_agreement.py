"""How well rows of logits predict the observed scores of any scale: as probabilities, and by their order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.explain import letter_probabilities, probability_rows, total_variation
from rerank_guard.types import BoolArray, FloatArray

__all__ = ["Agreement", "agreement"]

_WIDEST_MARGIN = 1.0
"""Pairs of candidates whose logits are 1 nat apart keep their order in half precision, whose noise is some 0.1."""

_ALIKE = 0.9
"""Least correlation of scores and logits at which one may be a multiple of the other."""

_NOISE = 0.3
"""How far a letter's logit strays in half precision, in nats: three to four standard deviations."""

_DISCORDANT = 0.02
_TIED = 0.05
_VISIBLE = 1e-6
"""Candidates less likely than this may tie: half precision holds no smaller probability."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of U users.

    Attributes:
        apart: (U,) total variation between observed and predicted probabilities, after the best of the readings below.
        compared: (U,) pairs of candidates whose predicted logits are clearly apart: by 1 nat, or by a quarter of the row's
            range where that is less.
        discordant: (U,) share of these that are observed the other way round.
        tied: (U,) share of these that are observed level, though neither is too unlikely to be seen.
        change: (U,) the largest difference of the two rows' log-probabilities in that reading, a shift of all apart, in nats.
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

    def matched(self, tolerance: float) -> BoolArray:
        """(U,) the same order apart from near-ties; or, of a flat row, probabilities within `tolerance`.

        Of a row flatter than 1 nat also logits within 0.3 nats, which half precision explains.
        """
        by_order = (self.compared > 0) & (self.discordant <= _DISCORDANT) & (self.tied <= _TIED)
        near = (self.apart <= tolerance) & (self.flat | (self.compared == 0))
        noise = (self.spread < _WIDEST_MARGIN) & (self.change <= _NOISE)
        return np.asarray(by_order | near | noise, dtype=np.bool_)


def agreement(scores: Sequence[FloatArray], logits: Sequence[FloatArray]) -> Agreement:
    """Hold the observed scores against predicted logits.

    The scores are read in the way that brings them nearest to the prediction, one way for all users: as probabilities or by
    their softmax; where all are positive, divided by their sum (probabilities over the whole vocabulary); by the softmax of
    a multiple of them (another temperature), the multiple fitted by least squares where the two correlate at 0.9 or more.

    Args:
        scores: one array (N_u,) a user; a row with a NaN agrees with nothing.
        logits: the same shapes, finite.
    """
    predicted = [letter_probabilities(row - row.max()) for row in logits]
    readings = [(rows, _distances(rows, predicted)) for rows in _readings(scores, logits)]
    best, apart = min(readings, key=lambda pair: float(pair[1].mean()))
    orders = np.array([_order(s, h) for s, h in zip(scores, logits, strict=True)], dtype=np.float64).reshape(-1, 3)
    change = np.array([_change(p, q) for p, q in zip(best, predicted, strict=True)])
    spread = np.array([float(np.ptp(h)) for h in logits])
    return Agreement(apart, orders[:, 0], orders[:, 1], orders[:, 2], change, spread)


def _readings(scores: Sequence[FloatArray], logits: Sequence[FloatArray]) -> list[list[FloatArray]]:
    readings = list(probability_rows(scores))
    if all((row > 0.0).all() for row in scores):
        readings.append([row / row.sum() for row in scores])
    usable = [(s - s.mean(), h - h.mean()) for s, h in zip(scores, logits, strict=True) if np.isfinite(s).all()]
    squares = sum(float(s @ s) for s, _ in usable)
    squares_too = sum(float(h @ h) for _, h in usable)
    together = sum(float(s @ h) for s, h in usable)
    if together > _ALIKE * math.sqrt(squares * squares_too):  # else a multiple near 0 would fit whatever is flat
        readings.append(probability_rows([row * (together / squares) for row in scores])[0])
    return readings


def _distances(observed: Sequence[FloatArray], predicted: Sequence[FloatArray]) -> FloatArray:
    return np.array([total_variation(p, q) for p, q in zip(observed, predicted, strict=True)], dtype=np.float64)


def _change(observed: FloatArray, predicted: FloatArray) -> float:
    if not (observed > 0.0).all() or not (predicted > 0.0).all():  # a NaN is not above 0 either
        return math.inf
    difference = np.log(observed) - np.log(predicted)
    return float(np.abs(difference - np.median(difference)).max())


def _order(scores: FloatArray, logits: FloatArray) -> tuple[float, float, float]:
    """Pairs compared, the share of them that is discordant, the share that is tied in sight."""
    if np.isnan(scores).any():
        return 1.0, 1.0, 0.0
    margin = min(_WIDEST_MARGIN, float(np.ptp(logits)) / 4.0)
    order = np.argsort(-logits, kind="stable")
    h, s = logits[order], scores[order]
    clear = h[:, None] - h[None, :] > margin
    compared = int(clear.sum())
    if compared == 0:
        return 0.0, 0.0, 0.0
    visible = letter_probabilities(h - h.max()) > _VISIBLE
    discordant = int((clear & (s[:, None] < s[None, :])).sum())
    tied = int((clear & (s[:, None] == s[None, :]) & visible[None, :]).sum())
    return float(compared), discordant / compared, tied / compared
