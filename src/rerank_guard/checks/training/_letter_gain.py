"""What a training job gained over chance, and how far its trace decides for and against learning."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._nearest_passing import nearest_passing
from rerank_guard.checks.training._unchanged import rose
from rerank_guard.core.types import FloatArray, IntArray, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor, feed
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.letters import LettersAgainstChance
from rerank_guard.stats.sample_size import samples_to_bet_below, samples_to_reach

__all__ = ["LetterGain", "letter_gain"]

_SMALLEST_EFFECT = 1e-6
"""Of log N; an `effect` below this is never advised."""

_RAN_AWAY = 2.5
"""Times both chance and the start that the NLL of a job is at whose loss ran away, whatever it still knows."""

_AT_START = 16
"""First examples that show what a job started with."""

_LOOKS = 20
"""Batches into which the last quarter is divided, at each of which a bet may start."""


@dataclass(frozen=True, slots=True)
class LetterGain:
    """Evidence of the last half of the first-pass examples (the window, n examples) and of the whole first pass.

    Attributes:
        nll: (n,) letter NLL, nats.
        chance: (n,) log N of each example.
        earlier: letter NLL of the first half of the first pass.
        effect: the gain that counts as learning, as a share of log N.
        least: the same, nats.
        log_e: the largest log E against chance over the whole first pass.
        needed: the log E at which chance is rejected.
        decided_after: optimiser steps after which the training checks were decided; None where they were not.
        log_against_effect: log E against "the mean gain is at least `least`".
        collapsed: whether what was known before the last quarter of the first pass was lost in it; see `_collapsed`.
        alpha: level of either decision.
        bounded: (n,) the gains in [0, 1], the scale of the bounded-mean bet.
        bounded_least: `least` on that scale.
        later: mean gain in the last half of the examples that the job had trained on before, nats; None without any.
    """

    nll: FloatArray
    chance: FloatArray
    earlier: FloatArray
    effect: float
    least: float
    log_e: float
    needed: float
    decided_after: int | None
    log_against_effect: float
    collapsed: bool
    alpha: float
    bounded: FloatArray
    bounded_least: float
    later: float | None

    @property
    def n(self) -> int:
        """Examples in the window."""
        return len(self.nll)

    @property
    def gains(self) -> FloatArray:
        """(n,) log N - NLL."""
        return self.chance - self.nll

    @property
    def mean(self) -> float:
        """Mean gain, nats."""
        return float(self.gains.mean())

    @property
    def beats_chance(self) -> bool:
        """Whether chance is rejected at alpha."""
        return self.log_e >= self.needed

    @property
    def too_small(self) -> bool:
        """Whether a mean gain of `least` is rejected at alpha."""
        return self.log_against_effect >= math.log(1.0 / self.alpha) and self.mean < self.least

    @property
    def nothing_learned(self) -> bool:
        """Whether the job failed: the gain is too small, and there is none over chance, or it was lost again.

        A job that knows the targets and is too confident has a poor NLL as well. It beats chance all the same, and what it
        lacks is calibration.
        """
        return self.too_small and (self.collapsed or not self.beats_chance)

    @property
    def too_confident(self) -> bool:
        """Whether most examples gain the effect, or the mean gains nothing, of a job that beats chance: misses cost too much."""
        return self.mean <= 0.0 or float(np.median(self.gains)) >= self.least

    @property
    def p_failed(self) -> float:
        """P-value of a mean gain of `least`."""
        return p_value_of(self.log_against_effect)

    @property
    def smaller_effect(self) -> float | None:
        """The largest smaller `effect` with which this job passes; None where none does, or it passes as it is."""
        if not self.beats_chance or self.mean <= 0.0 or self.mean >= self.least:
            return None
        chance = float(self.chance.mean())
        return nearest_passing(lambda effect: self.mean >= effect * chance, self.effect, _SMALLEST_EFFECT)

    @property
    def enough(self) -> int | None:
        """Examples in the window that would decide at this rate; None where no number would."""
        if self.mean >= self.least:
            return samples_to_reach(float(self.gains.sum()), self.n, self.alpha)
        return samples_to_bet_below(self.bounded, self.bounded_least, self.alpha)


def letter_gain(trace: TrainingTrace, alpha: float, effect: float) -> LetterGain:
    """Measure a job whose losses are finite numbers >= 0, with first-pass examples.

    Args:
        trace: what the job recorded.
        alpha: level of either decision.
        effect: least gain that counts as learning, as a share of log N.
    """
    first_pass = np.flatnonzero(trace.first_pass)
    cut = len(first_pass) // 2
    late = first_pass[cut:]
    nll, chance = trace.letter_nll[late], np.log(trace.n_candidates[late].astype(np.float64))
    gains, least = chance - nll, effect * float(chance.mean())
    # into [0, 1], the scale of the bounded-mean bet; the largest log N serves for all examples
    widest = float(chance.max())
    bounded = (np.maximum(gains, -widest) + widest) / (2.0 * widest)
    bounded_least = (least + widest) / (2.0 * widest)
    monitor = TrainingMonitor(alpha=alpha, effect=effect)
    feed(monitor, trace)
    return LetterGain(
        nll=nll,
        chance=chance,
        earlier=trace.letter_nll[first_pass[:cut]],
        effect=effect,
        least=least,
        log_e=monitor.chance.largest,
        needed=math.log(1.0 / alpha),
        decided_after=monitor.decided_after,
        log_against_effect=log_e_value_below(bounded, bounded_least),
        collapsed=_collapsed(trace, first_pass, alpha),
        alpha=alpha,
        bounded=bounded,
        bounded_least=bounded_least,
        later=_gain_of_later_passes(trace),
    )


def _collapsed(trace: TrainingTrace, first_pass: IntArray, alpha: float) -> bool:
    """Whether a job that has beaten chance lost it again: by the last quarter of the first pass.

    Its NLL rose for certain, and either is not shown to beat chance any more, or ran far above chance and above where it
    started. Growing over-confidence raises the NLL too, but such a job still beats chance, by less than that.
    """
    cut = 3 * len(first_pass) // 4
    late = first_pass[cut:]
    if cut == 0:
        return False
    nll, start = trace.letter_nll[late], trace.letter_nll[first_pass[: min(cut, _AT_START)]]
    chance = float(np.log(trace.n_candidates[late]).mean())
    if rose(start, nll) and float(nll.mean()) > _RAN_AWAY * max(chance, float(start.mean())):
        return True
    return rose(trace.letter_nll[first_pass[:cut]], nll) and not _beats_chance(trace, late, alpha)


def _beats_chance(trace: TrainingTrace, examples: IntArray, alpha: float) -> bool:
    bets = trace.letter_nll[:, None] if trace.tempered_nll is None else trace.tempered_nll
    chance = LettersAgainstChance()
    for part in np.array_split(examples, min(len(examples), _LOOKS)):
        chance.update(bets[part], trace.n_candidates[part])
    return chance.largest >= math.log(1.0 / alpha)


def _gain_of_later_passes(trace: TrainingTrace) -> float | None:
    repeated = np.flatnonzero(~trace.first_pass)
    if len(repeated) == 0:
        return None
    late = repeated[len(repeated) // 2 :]
    return float((np.log(trace.n_candidates[late]) - trace.letter_nll[late]).mean())
