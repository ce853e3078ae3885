"""Are the recorded losses the letter's NLL times a constant? Told by the first examples, of a model that knows nothing yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import BoolArray, FloatArray, TrainingTrace

__all__ = ["LossScale", "loss_scale"]

_FEWEST = 8
"""Examples before or shortly after the first step from which the scale is told."""

_ENOUGH = 16
"""Examples for which the first steps are taken together, up to a share of the job of `_EARLY`."""

_EARLY = 0.02

_FEWEST_CANDIDATES = 4
"""With fewer, a base that knows something has losses as even as one that knows nothing."""

_EVEN = 0.28
"""Largest standard deviation of the losses (two standard errors above what is seen), as a share of their mean; a base that
knows some answers has more."""

_SMALLEST = 1.7
"""Factors nearer to 1 than this are not told from an untrained base's own level."""

_LARGEST = 256
_MARGIN = 0.03
_LARGEST_ERROR = 0.04
"""How far a factor may be off a whole number, as a share of it, and how much more for the sampling error."""


@dataclass(frozen=True, slots=True)
class LossScale:
    """The constant by which the losses are off.

    Attributes:
        factor: recorded loss over the letter's NLL: a whole number, or 1 over one.
        mean, chance: of the first examples, nats.
        n: how many these are.
    """

    factor: float
    mean: float
    chance: float
    n: int

    @property
    def words(self) -> str:
        """The constant in words."""
        return f"{self.factor:g} times" if self.factor > 1.0 else f"1/{1.0 / self.factor:g} of"


def loss_scale(trace: TrainingTrace) -> LossScale | None:
    """The constant, where the first losses are those of a model that knows nothing on another scale; else None.

    Letter logits that know nothing, independent and of standard deviation s, give an NLL with mean L + s^2/2 and standard
    deviation s, L = log N (the mean of a log-normal sum). Times a constant c, mean m and standard deviation d satisfy
    m = c L + d^2/(2 c), so c = (m + sqrt(m^2 - 2 L d^2))/(2 L). So a base that is merely over-confident has c near 1 whatever
    its level, and one that knows some of the answers has no such c, or losses that spread too far. Where targets' ranks were
    recorded, these have to be as by chance too, and losses that are too large are left to what contradicts the ranks (they may
    be taken over the whole vocabulary). Losses that were made from recorded logits are on the right scale.

    Args:
        trace: of the job.
    """
    first = _first(trace)
    losses, log_n = trace.letter_nll[first], np.log(trace.n_candidates[first])
    if (
        len(losses) < _FEWEST
        or not bool(np.isfinite(losses).all())
        or int(trace.n_candidates[first].min()) < _FEWEST_CANDIDATES
    ):
        return None
    if float(losses.min()) <= 0.0 or float(np.ptp(losses)) == 0.0 or not _knows_nothing(trace, first):
        return None
    if trace.tempered_nll is not None and np.allclose(trace.tempered_nll[first, 0], losses):
        return None
    chance = float(log_n.mean())
    own = losses * (chance / log_n)  # of lists of several lengths, on one scale
    mean, spread = float(own.mean()), float(own.std(ddof=1))
    inside = mean**2 - 2.0 * chance * spread**2
    if spread * (1.0 + math.sqrt(2.0 / (len(own) - 1))) > _EVEN * mean or inside < 0.0:
        return None
    constant = (mean + math.sqrt(inside)) / (2.0 * chance)
    factor = _whole(constant, 4.0 * spread / (mean * math.sqrt(len(own))))
    if factor is None or (factor > 1.0 and trace.target_rank is not None):
        return None
    return LossScale(factor, float(losses.mean()), chance, len(losses))


def _first(trace: TrainingTrace) -> BoolArray:
    """(E,) the first-pass examples of the first step; where these are few, of the first few steps."""
    latest = max(1, int(_EARLY * trace.optimizer_steps))
    chosen: BoolArray = trace.first_pass & (trace.example_step == 0)
    for step in range(1, latest):
        if int(chosen.sum()) >= _ENOUGH:
            break
        chosen = trace.first_pass & (trace.example_step <= step)
    return chosen


def _knows_nothing(trace: TrainingTrace, first: BoolArray) -> bool:
    """Whether the targets' ranks are as by chance, up to four standard errors; True where none were recorded."""
    if trace.target_rank is None or not np.isfinite(trace.target_rank[first]).all():
        return True
    places: FloatArray = (trace.target_rank[first] - 1.0) / (trace.n_candidates[first] - 1.0)
    return abs(float(places.mean()) - 0.5) <= 4.0 * 0.3 / math.sqrt(len(places))


def _whole(constant: float, error: float) -> float | None:
    """The whole number, or 1 over one, that a constant is near to; None where it is 1, or near to none."""
    size = constant if constant > 1.0 else 1.0 / constant
    whole = round(size)
    if not _SMALLEST < size <= _LARGEST or abs(size - whole) > (_MARGIN + min(error, _LARGEST_ERROR)) * whole:
        return None
    return float(whole) if constant > 1.0 else 1.0 / whole
