"""Why a job's letters did not leave chance, by the pattern of its trace, in the words of what was seen."""

from __future__ import annotations

import numpy as np

from rerank_guard.checks.training._learning_rate import NEGLIGIBLE_LEARNING_RATE
from rerank_guard.checks.training._letter_gain import LetterGain
from rerank_guard.checks.training._loss_course import avoids_the_target, blew_up, warms_up_to_the_end
from rerank_guard.checks.training._unchanged import repeats_its_losses, rose
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.training import ANTI_LEARNING, DIVERGED, NO_SIGNAL, NO_UPDATE, UNDER_TRAINED
from rerank_guard.core.finding import Suspected, suspect
from rerank_guard.core.types import TrainingTrace

__all__ = ["LIKELY", "UNCHANGED", "enough_for_you", "likely_fault", "over_confident", "suspected_cause"]

LIKELY = (NO_UPDATE, ANTI_LEARNING, DIVERGED, UNDER_TRAINED, NO_SIGNAL)
"""The faults that `likely_fault` may name, in the order in which it looks for them."""

_FEW_STEPS = 200
"""Fewer optimiser steps than this seldom bring a letter reranker off chance; only names a likely cause."""

_RAN_AWAY = 1.25
"""Times chance above which a loss that rises has diverged; only names a failure that is certain."""

_NAMING = 1e-3
"""Share of alpha at which a failed job's targets have to be ranked below chance for it to be named so."""

_UNCHANGED = (
    "Examples have, but for rounding, the losses that they had in an earlier pass: the steps do not move the weights that the "
    "loss depends on."
)
UNCHANGED = suspect(NO_UPDATE, _UNCHANGED)
"""What the comparison of examples with themselves shows, without statistics."""

_AVOIDED = (
    "The target's letter is ranked worse than by chance: the job knows the answer and was taught to avoid it. The loss has "
    "the wrong sign."
)
_RAN_OFF = "The letter NLL is, or was, far above chance, and above where it started: the learning rate is likely too large{}."
_NOTHING = "Enough steps, and nothing learned: the answer is likely not in the prompt, or not in the loss."
_LESS_CONFIDENT = (
    "Look at the examples with the largest NLL (wrong labels, targets cut from the prompt); then lower the learning "
    "rate, stop earlier, or smooth the labels."
)


def likely_fault(trace: TrainingTrace, gain: LetterGain, *, decided: bool) -> Fault | None:
    """The cause that the trace suggests; of an undecided run only what is seen without statistics."""
    if float(trace.learning_rate.max()) <= NEGLIGIBLE_LEARNING_RATE:
        return NO_UPDATE
    if repeats_its_losses(trace):
        return NO_UPDATE
    if decided:
        first_pass = np.flatnonzero(trace.first_pass)
        if avoids_the_target(trace, first_pass[len(first_pass) // 2 :], _NAMING * gain.alpha):
            return ANTI_LEARNING
        if _ran_away(gain) or blew_up(trace):
            return DIVERGED
    too_few = trace.optimizer_steps < _FEW_STEPS or 2 * trace.optimizer_steps < trace.planned_steps
    if too_few or warms_up_to_the_end(trace):
        return UNDER_TRAINED
    return NO_SIGNAL if decided else None


def _ran_away(gain: LetterGain) -> bool:
    level = float(gain.nll.mean())
    rising = len(gain.earlier) > 0 and rose(gain.earlier, gain.nll)
    return level > _RAN_AWAY * float(gain.chance.mean()) and rising


def suspected_cause(trace: TrainingTrace, gain: LetterGain, fault: Fault) -> Suspected:
    """The fault in the words of what was seen of it."""
    # with the ranks of more than two candidates a wrong sign would have been seen
    sign_known = trace.target_rank is not None and int(trace.n_candidates.max()) > 2
    cause = {
        NO_UPDATE: _UNCHANGED
        if repeats_its_losses(trace)
        else f"The highest learning rate is {float(trace.learning_rate.max()):g}: the weights do not move.",
        ANTI_LEARNING: _AVOIDED,
        DIVERGED: _RAN_OFF.format("" if sign_known else ", or the loss has the wrong sign"),
        NO_SIGNAL: _NOTHING,
    }.get(fault, fault.what)
    if float(np.median(gain.gains)) >= gain.least and fault not in (DIVERGED, ANTI_LEARNING):
        seen, advice = over_confident(gain)
        return (
            suspect(fault, seen, advice, statistical=True)
            if fault is NO_SIGNAL
            else suspect(fault, f"{seen} {cause}", statistical=True)
        )
    return suspect(fault, cause, statistical=True)


def over_confident(gain: LetterGain) -> tuple[str, str]:
    """What is seen of a job of which most letters gained, and what to do then."""
    seen = (
        f"Most letters gained (median {float(np.median(gain.gains)):.3f} nats), but over-confident misses, with NLL up to "
        f"{gain.nll.max():.3f}, bring the mean gain to {gain.mean:.3f}, under the declared {gain.least:.3f}."
    )
    return seen, _LESS_CONFIDENT


def enough_for_you(gain: LetterGain) -> str:
    """The advice of an `effect` that the gain reaches, for a gain that is real; empty where there is none to advise."""
    smaller = gain.smaller_effect
    if smaller is None:
        return ""
    return f"; or, if this much is enough for you, {setting_advice('loss_below_random', 'effect', smaller)}"
