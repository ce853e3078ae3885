"""Did the training job learn to answer with the target's letter?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks._settings import ALPHA
from rerank_guard.checks.training._hopeless_trace import (
    HOPELESS,
    MOST_NON_FINITE,
    MOSTLY_ZERO,
    Hopeless,
    bad_gradients,
    hopeless,
)
from rerank_guard.checks.training._letter_gain import LetterGain, letter_gain
from rerank_guard.checks.training._likely_fault import (
    LIKELY,
    UNCHANGED,
    enough_for_you,
    likely_fault,
    over_confident,
    suspected_cause,
)
from rerank_guard.checks.training._loss_course import quarters
from rerank_guard.checks.training._loss_scale import loss_scale
from rerank_guard.checks.training._unchanged import repeats_its_losses
from rerank_guard.core.check import check
from rerank_guard.core.defaults import LEARNING_EFFECT
from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.training import ANTI_LEARNING, DIVERGED, NO_SIGNAL, SILENT_NAN
from rerank_guard.core.finding import Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Level, NeededShare, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Measured, Status

__all__ = ["loss_below_random"]

_OTHER_SCALE = (
    "The recorded losses are on another scale than log N, so that they cannot be compared with chance.",
    "See loss_recorded_per_letter: record each example's own NLL, not divided by the accumulation steps.",
)
_HELD_OUT = "Give the job more distinct examples and fewer passes, or judge the letter NLL on held-out users."


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was decided, with the suspected fault; `cause` and `next_step` in place of the suspect's words."""

    status: Status
    suspected: Suspected | None = None
    cause: str = ""
    next_step: str = ""


@check(
    stage=Stage.TRAINING,
    claim="training brings the target letter's NLL below that of a random guess",
    can_name=tuple(dict.fromkeys((*HOPELESS, *LIKELY))),
    rules_out=(DIVERGED, ANTI_LEARNING, SILENT_NAN),
    looks_like=NO_SIGNAL,
)
def loss_below_random(
    training_trace: TrainingTrace,
    *,
    alpha: Level = ALPHA,
    effect: Share = LEARNING_EFFECT,
    max_non_finite: Share = MOST_NON_FINITE,
    zero_gradients: NeededShare = MOSTLY_ZERO,
) -> Finding:
    """The target letter's NLL fell below log N, significantly, and by at least the minimum effect.

    Judged is the *letter's* cross-entropy under the softmax restricted to the N letters, against log N. The loss
    that a trainer prints averages the letter with the end-of-sequence token (and often a newline), so that it shows
    1.3 to 2.0 for N=50 while the letter is still at its chance of 3.9.

    Each prediction p of the first pass was made before the job had seen the answer y. So if the answer's position is
    uniform and the model knows nothing of it, E[N * p(y)] = 1 whatever p is, and the product over examples is an
    e-process (Ville 1939; Shafer 2021, "Testing by betting"; Ramdas, Gruenwald, Vovk and Shafer 2023). It is mixed over
    temperatures, stakes and the batch at which the betting starts (`stats.letters`), and may be looked at after
    every step: E >= 1/alpha has a chance of alpha ever to happen. The size of the gain is taken from the last half of
    the first-pass examples, a window fixed beforehand.

    - PASSED: E reached 1/alpha at some step, and the mean gain log N - NLL in the window is at least `effect` of the
      mean log N.
    - FAILED: "the mean gain is at least the effect" is rejected at alpha (a bet on gains clipped below at -log N;
      clipping from below only raises a mean, so it is safe here and would not be for PASSED) and chance was not, or was
      beaten earlier and is so no more (the NLL rose for certain by the last quarter of the first pass, and does not beat
      chance there, or ran to 2.5 times both chance and its start); or the trace shows that nothing could have been
      learned: no trainable parameters, no step, learning rate 0, gradients of 0 at `zero_gradients` of the steps or more,
      examples that have in a later pass the very losses that they had before and do not beat chance, an NLL that is not
      finite, or non-finite gradient norms at
      more than `max_non_finite` of the recorded steps. (Fewer are normal in half precision: dynamic loss scaling starts too
      large and skips its first steps; Micikevicius et al. 2018. Their number is measured.)
    - INCONCLUSIVE: else, with the number of examples that would decide. So is a job that beats chance with a gain below the
      effect: it may know the targets and be too confident or not confident enough, which is a matter of calibration
      (`calibrated`), or have learned little so far. Also where the losses are on another scale than log N
      (`loss_recorded_per_letter`), and where the first pass would fail but
      later passes do gain the effect: on repeated examples memorised answers look the same as learned ones, so they
      decide nothing.

    A loss of the wrong sign (anti-learning) and a learning rate that is too large (diverged) both drive the NLL above
    chance, and an NLL that rises steadily can be either. The ranks of the targets (`TraceRecorder.letters`) tell
    them apart: a model that has diverged knows nothing, so that its targets' ranks are as by chance, while one that
    climbs the loss ranks them worse than by chance. Where no ranks were recorded, or N is 2, the name is diverged, and
    cause and next step name both.

    Args:
        training_trace: what the job recorded. A gradient norm of NaN counts as a fault only where most steps recorded a
            number.
        alpha: level of either decision. That a failed job avoids its targets, which only names it, is decided at a
            thousandth of it.
        effect: least gain that counts as learning, as a share of log N. Real preferences are noisy: on
            MovieLens-100K with popularity-sampled negatives a conditional logit on everything gains a quarter of
            log N, a useful tiny model a twentieth.
        max_non_finite: share of the recorded gradient norms up to which those that are not finite are let pass.
        zero_gradients: share of the steps with a gradient norm of exactly 0 from which on nothing was learned.

    Returns:
        The verdict; the fault is the likely cause by the trace's pattern.

    Raises:
        InvalidTraceError: steps without first-pass examples, N below 2, a negative NLL, or a learning rate that is
            not a number.
        SettingError: a setting out of range.
    """
    _require_sane(training_trace)
    if reason := hopeless(training_trace, max_non_finite=max_non_finite, zero_gradients=zero_gradients):
        return _stopped(training_trace, reason, effect)
    # a rounded softmax may give a p a hair above 1, and so a gain a hair outside of what the bet allows
    trace = replace(training_trace, letter_nll=np.maximum(training_trace.letter_nll, 0.0))
    gain = letter_gain(trace, alpha, effect)
    outcome = _decide(trace, gain)
    chance = float(gain.chance.mean())
    return Finding(
        outcome.status,
        claim=(
            f"over the last {gain.n} first-pass examples the target letter's NLL is below chance, a mean log N of "
            f"{chance:.3f} nats, by at least {gain.least:.3f}"
        ),
        measured={
            "letter_nll": float(gain.nll.mean()),
            "gain": gain.mean,
            "log10_e_value": gain.log_e / math.log(10.0),
            "first_half_letter_nll": float(gain.earlier.mean()) if len(gain.earlier) else None,
            "decided_after_steps": gain.decided_after,
            **_job(trace),
        },
        limits=(
            Limit("gain", ">=", gain.least),
            Limit("log10_e_value", ">=", gain.needed / math.log(10.0)),
        ),
        compared_with={"chance_letter_nll": chance},
        n=gain.n,
        evidence=quarters(trace) if outcome.status is not Status.PASSED else (),
        suspects=() if outcome.suspected is None else (outcome.suspected,),
        cause=outcome.cause,
        next_step=outcome.next_step,
        p_failed=None if outcome.suspected is UNCHANGED else gain.p_failed,
    )


def _require_sane(trace: TrainingTrace) -> None:
    if bool((trace.n_candidates < 2).any()):
        example = int(np.flatnonzero(trace.n_candidates < 2)[0])
        raise InvalidTraceError(
            f"example {example} of the trace has n_candidates={trace.n_candidates[example]}; a ranking needs at "
            "least 2."
        )
    if bool((trace.letter_nll < -1e-6).any()):
        example = int(np.flatnonzero(trace.letter_nll < -1e-6)[0])
        raise InvalidTraceError(
            f"example {example} of the trace has letter_nll {trace.letter_nll[example]:.6g}; a cross-entropy is "
            "not negative. Record -log p(target letter), with p the softmax over the N letters."
        )
    if not bool(np.isfinite(trace.learning_rate).all()):
        step = int(np.flatnonzero(~np.isfinite(trace.learning_rate))[0])
        raise InvalidTraceError(
            f"step {step} of the trace has learning_rate {trace.learning_rate[step]}; record the rate of every "
            "step."
        )
    if trace.optimizer_steps > 0 and not bool(trace.first_pass.any()):
        raise InvalidTraceError(
            f"the trace has {trace.optimizer_steps} optimiser steps but none of its {len(trace.letter_nll)} "
            "examples is marked first_pass; record the letter NLL in the forward pass, before the step that trains "
            "on it."
        )


def _decide(trace: TrainingTrace, gain: LetterGain) -> _Outcome:
    if loss_scale(trace) is not None and not repeats_its_losses(trace):
        return _Outcome(Status.INCONCLUSIVE, None, *_OTHER_SCALE)
    if gain.beats_chance and gain.mean >= gain.least:
        return _Outcome(Status.PASSED)
    if not gain.beats_chance and repeats_its_losses(trace):
        return _Outcome(Status.FAILED, UNCHANGED)
    if not gain.nothing_learned:
        return _undecided(gain, likely_fault(trace, gain, decided=False))
    if gain.later is not None and gain.later >= gain.least:
        cause = (
            f"The letters gained only after the first pass ({gain.later:.3f} nats on repeated examples), where memorised "
            "answers look the same as learned ones."
        )
        return _Outcome(Status.INCONCLUSIVE, None, cause, _HELD_OUT)
    return _Outcome(
        Status.FAILED, suspected_cause(trace, gain, likely_fault(trace, gain, decided=True) or NO_SIGNAL)
    )


def _undecided(gain: LetterGain, fault: Fault | None) -> _Outcome:
    if gain.beats_chance and gain.too_confident:
        return _Outcome(Status.INCONCLUSIVE, None, *over_confident(gain))
    if gain.beats_chance:
        seen = (
            f"The gain over chance is real but so far trivial: {gain.mean:.3f} nats, under the declared "
            f"{gain.least:.3f}."
        )
    else:
        seen = (
            f"{gain.n} examples with a mean gain of {gain.mean:.3f} nats decide neither for nor against learning."
        )
    enough = None if gain.too_small else gain.enough
    if enough is None:
        advice = f"No number of examples at this rate would decide; train for longer{enough_for_you(gain)}."
    else:
        advice = f"About {max(enough, gain.n + 1)} examples in the window at this rate would decide (now {gain.n})."
    if fault is None:
        return _Outcome(Status.INCONCLUSIVE, None, seen, advice)
    suspected = suspect(fault, statistical=True)
    return _Outcome(Status.INCONCLUSIVE, suspected, f"{seen} {fault.what}", f"{advice} {fault.fix}")


def _stopped(trace: TrainingTrace, reason: Hopeless, effect: float) -> Finding:
    """The finding on a job that cannot have learned."""
    finite = np.isfinite(trace.letter_nll)
    chance = float(np.log(trace.n_candidates).mean()) if len(finite) else None
    return Finding(
        Status.FAILED,
        claim="the training job could learn, and the target letter's NLL fell below a mean log N of "
        + (f"{chance:.3f} nats" if chance is not None else "its examples"),
        measured={"letter_nll": float(trace.letter_nll[finite].mean()) if finite.any() else None, **_job(trace)},
        compared_with={"chance_letter_nll": chance, "gain": None if chance is None else effect * chance},
        n=len(finite),
        evidence=reason.rows,
        suspects=(reason.suspected,),
    )


def _job(trace: TrainingTrace) -> dict[str, Measured]:
    return {
        "optimizer_steps": trace.optimizer_steps,
        "planned_steps": trace.planned_steps,
        "non_finite_gradient_norms": int(bad_gradients(trace).sum()),
        "learning_rate_max": float(trace.learning_rate.max()) if trace.optimizer_steps else None,
        "trainable_parameters": trace.trainable_parameters,
    }
