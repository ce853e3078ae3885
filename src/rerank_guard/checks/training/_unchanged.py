"""Losses that come again bit by bit: the weights between the two readings have not moved."""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.core.types import FloatArray, TrainingTrace

__all__ = ["repeats_its_losses", "rose"]

_CLEARLY = 4.0
"""Standard errors by which a mean of other examples has to be higher for the losses to have risen."""

_ROUNDING = 1e-6
"""Of a loss, relative to the larger of itself and 1 nat: what float32 sums in another order change."""

_BY_CHANCE = 0.1
"""Share of the losses' range near a loss of the first pass, up to which it is no coincidence that all later ones are."""

_FEWEST = 4
"""Losses of which a spread is taken."""


def repeats_its_losses(trace: TrainingTrace, *, one_batch: bool = False) -> bool:
    """Whether examples that come again have the very losses that they had before.

    An example is compared with itself: a loss that is unchanged to the last digits was computed with unchanged weights. None
    of the later passes may have a loss that the first pass does not have, but for what the order of float32 sums changes
    (`_ROUNDING`). Losses of a coarse format (half precision, three
    decimals) repeat by themselves, so nothing is said of them; nor of later losses that are one number for all examples.

    Args:
        trace: of the job.
        one_batch: the examples are the same few over and over, whatever is marked as a first pass; the last quarter of the
            steps is then compared with what came before.
    """
    losses = trace.letter_nll
    if len(losses) < _FEWEST or trace.optimizer_steps < 2 or not bool(np.isfinite(losses).all()):
        return False
    later = ~trace.first_pass
    if one_batch:
        later = trace.example_step >= trace.optimizer_steps - max(1, trace.optimizer_steps // 4)
    again, before = np.unique(losses[later]), np.unique(losses[~later])
    return len(again) >= 2 and len(before) > 0 and _are_among(again, before) and not _is_coarse(losses)


def _are_among(again: FloatArray, before: FloatArray) -> bool:
    """Whether each of these is one of those, which are sorted; and those apart enough for that to say something."""
    at = np.searchsorted(before, again)
    below, above = before[np.maximum(at - 1, 0)], before[np.minimum(at, len(before) - 1)]
    nearest = np.minimum(np.abs(again - below), np.abs(above - again))
    if bool((nearest == 0.0).all()):
        return True
    rounding = _ROUNDING * np.maximum(1.0, np.abs(again))
    by_chance = 2.0 * float(rounding.max()) * len(before) / max(float(np.ptp(before)), float(rounding.max()))
    return bool((nearest <= rounding).all()) and by_chance <= _BY_CHANCE


def rose(before: FloatArray, after: FloatArray) -> bool:
    """Whether losses of other examples are higher for certain: by four standard errors (Welch).

    It names a failure that is certain already, so no error rate is claimed. Of fewer than four losses the means decide.
    """
    difference = float(after.mean() - before.mean())
    if min(len(before), len(after)) < _FEWEST:
        return difference > 0.0
    error = math.sqrt(float(before.var(ddof=1)) / len(before) + float(after.var(ddof=1)) / len(after))
    return difference > _CLEARLY * error


def _is_coarse(losses: FloatArray) -> bool:
    with np.errstate(over="ignore"):
        half = losses.astype(np.float16).astype(np.float64)
    return bool((losses == half).all() or (losses == losses.round(3)).all())
