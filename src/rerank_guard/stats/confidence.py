"""Confidence sequences: the means that the bets do not reject. They hold at all moments together."""

from __future__ import annotations

import math

from scipy.optimize import brentq

from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import log_e_value_above

__all__ = ["mean_confidence_sequence"]

_SMALLEST_MEAN = 1e-12

_FINEST = 2.0**-53
"""The smallest distance of a level from 1 that float64 tells apart; a level of 1 is taken for that."""


def mean_confidence_sequence(values: FloatArray, level: float) -> tuple[float, float]:
    """The confidence sequence's interval after these values, for the mean of values in [0, 1].

    A mean is in it when neither "the mean is at most this" nor "at least this" is rejected at (1 - level)/2 (inversion
    of `stats.bets`; Waudby-Smith and Ramdas 2023, section 4). So intervals taken at many moments, or at a moment chosen
    by looking, all cover together with probability `level`.

    Args:
        values: (n,) float64 in [0, 1], n >= 1; their order does not matter.
        level: confidence, above 0, up to 1; each end leaves (1 - level)/2 outside.

    Returns:
        The two ends, 0 <= low <= mean <= high <= 1.
    """
    needed = math.log(2.0 / max(1.0 - level, _FINEST))
    return _lower_end(values, needed), 1.0 - _lower_end(1.0 - values, needed)


def _lower_end(values: FloatArray, needed: float) -> float:
    """The largest mean that the bets on "above" have rejected; the wealth falls as the null's mean grows."""

    def surplus(mean: float) -> float:
        return log_e_value_above(values, mean) - needed

    if values.mean() <= _SMALLEST_MEAN or surplus(_SMALLEST_MEAN) <= 0.0:
        return 0.0
    # at the sample's own mean every bet has lost or broken even, so a root is below
    return float(brentq(surplus, _SMALLEST_MEAN, min(1.0, float(values.mean())), xtol=1e-12))
