"""Did the training job learn to answer with the target's letter?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks._hopeless_trace import NO_UPDATE, Hopeless, bad_gradients, hopeless
from rerank_guard.checks._settings import ALPHA, require_settings
from rerank_guard.checks.optimisation import NEGLIGIBLE_LEARNING_RATE
from rerank_guard.checks.recorded_loss import avoids_the_target, blew_up, quarters, warms_up_to_the_end
from rerank_guard.defaults import LEARNING_EFFECT
from rerank_guard.errors import InvalidTraceError
from rerank_guard.monitor import TrainingMonitor, feed
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.sample_size import samples_to_bet_below, samples_to_reach
from rerank_guard.types import FloatArray, TrainingTrace
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["check_loss_below_random"]

FEW_STEPS = 200
"""Fewer optimiser steps than this seldom bring a letter reranker off chance; only used to word a likely cause."""

_EXPLANATIONS = {
    "no-update": NO_UPDATE,
    "anti-learning": (
        "The target's letter is ranked worse than by chance: the job knows the answer and was taught to avoid it. The loss "
        "has the wrong sign.",
        "Check the sign of what backward is called on: the loss is -log p(target letter), and it is minimised.",
    ),
    "diverged": (
        "The letter NLL is, or was, far above chance, and above where it started: the learning rate is likely too large{}.",
        "Divide the learning rate by 10 and clip gradients; if it still rises, check the sign of the loss.",
    ),
    "under-trained": (
        "There were likely too few optimiser steps for the letters to leave chance.",
        "Train for more steps (several hundred), and check that epochs, batch size and accumulation give what you "
        "planned and that warm-up ends early in the run.",
    ),
    "no-signal": (
        "Enough steps, and nothing learned: the answer is likely not in the prompt, or not in the loss.",
        "Check that the target is the user's own, that the letter is the position the loss is taken at, and that "
        "one small batch can be learned by heart.",
    ),
}


_MORE_OF_IT = (
    "Train for longer or with more data, or put more of what tells the candidates apart into the prompt; if this much is "
    "enough for you, declare a smaller `effect`."
)
_LESS_CONFIDENT = (
    "Look at the examples with the largest NLL (wrong labels, targets cut from the prompt); then lower the learning "
    "rate, stop earlier, or smooth the labels."
)


@dataclass(frozen=True, slots=True)
class _Window:
    """The last half of the first-pass examples, with what they gained over chance."""

    nll: FloatArray
    chance: FloatArray  # log N of each example
    earlier: FloatArray  # NLL of the first half

    @property
    def gains(self) -> FloatArray:
        return self.chance - self.nll


def check_loss_below_random(
    trace: TrainingTrace, *, alpha: float = ALPHA, effect: float = LEARNING_EFFECT
) -> Verdict:
    """The target letter's NLL fell below log N, by more than luck and by more than a trifle.

    Judged is the *letter's* cross-entropy under the softmax restricted to the N letters, against log N. The loss
    that a trainer prints averages the letter with the end-of-sequence token (and often a newline), so that it shows
    1.3 to 2.0 for N=50 while the letter is still at its chance of 3.9.

    Each prediction p of the first pass was made before the job had seen the answer y. So if the answer's slot is
    uniform and the model knows nothing of it, E[N * p(y)] = 1 whatever p is, and the product over examples is an
    e-process (Ville 1939; Shafer 2021, "Testing by betting"; Ramdas, Gruenwald, Vovk and Shafer 2023). It is mixed over
    temperatures, stakes and the batch at which the betting starts (`stats.letters`), and may be looked at after
    every step: E >= 1/alpha has a chance of alpha ever to happen. The size of the gain is taken from the last half of
    the first-pass examples, a window fixed beforehand.

    - PASSED: E reached 1/alpha at some step, and the mean gain log N - NLL in the window is at least `effect` of the
      mean log N.
    - FAILED: "the mean gain is at least the effect" is rejected at alpha/2 (a bet on gains clipped below at -log N;
      clipping from below only raises a mean, so it is safe here and would not be for PASSED), or the mean gain is
      negative and the job's own probabilities are refuted at alpha/2 (1/E >= 2/alpha), or the trace shows that
      nothing could have been learned: no trainable parameters, no step, learning rate 0, gradients of 0, an NLL that
      is not finite, or non-finite gradient norms at more than 5 % of the recorded steps. (Fewer are normal in half
      precision: dynamic loss scaling starts too large and skips its first steps; Micikevicius et al. 2018. Their
      number is measured.)
    - INCONCLUSIVE: else, with the number of examples that would decide. Also where the first pass would fail but
      later passes do gain the effect: on repeated examples learning by heart looks the same, so they decide
      nothing.

    A loss of the wrong sign (anti-learning) and a learning rate that is too large (diverged) both drive the NLL above
    chance, and an NLL that rises steadily can be either. The ranks of the targets (`TraceRecorder.letters`) tell
    them apart: a model that has diverged knows nothing, so that its targets' ranks are as by chance, while one that
    climbs the loss ranks them worse than by chance. Where no ranks were recorded, or N is 2, the name is diverged, and
    the next step names both.

    Args:
        trace: what the job recorded. A gradient norm of NaN counts as a fault only where most steps recorded a
            number.
        alpha: level of either decision.
        effect: least gain that counts as learning, as a share of log N. Real preferences are noisy: on
            MovieLens-100K with popularity-sampled negatives a conditional logit on everything gains a quarter of
            log N, a useful tiny model a twentieth.

    Returns:
        The verdict; `fault` names the likely cause by the trace's pattern.

    Raises:
        InvalidTraceError: steps without first-pass examples, N below 2, a negative NLL, or a learning rate that is
            not a number.
        RerankGuardError: alpha or effect out of range.
    """
    require_settings(alpha, effect)
    _require_sane(trace)
    if reason := hopeless(trace):
        return _stopped(trace, reason, effect)
    # a rounded softmax may give a p a hair above 1, and so a gain a hair outside of what the bet allows
    trace = replace(trace, letter_nll=np.maximum(trace.letter_nll, 0.0))
    window = _window(trace)
    gains, chance = window.gains, float(window.chance.mean())
    gain, least_gain, n = float(gains.mean()), effect * chance, len(gains)
    monitor = TrainingMonitor(alpha=alpha, effect=effect)
    feed(monitor, trace)
    log_e, needed = monitor.chance.largest, math.log(1.0 / alpha)

    # into [0, 1], the scale of the bounded-mean bet; the largest log N serves for all examples
    widest = float(window.chance.max())
    bounded = (np.maximum(gains, -widest) + widest) / (2.0 * widest)
    bounded_effect = (least_gain + widest) / (2.0 * widest)
    against_effect = log_e_value_below(bounded, bounded_effect)
    against_itself = -float(gains.sum())  # 1/(N p) has mean 1 where p is the truth
    too_small = against_effect >= math.log(2.0 / alpha) and gain < least_gain
    refuted = gain < 0.0 and against_itself >= math.log(2.0 / alpha)

    if log_e >= needed and gain >= least_gain:
        status = Status.PASSED
    elif too_small or refuted:
        status = Status.FAILED
    else:
        status = Status.INCONCLUSIVE
    later = _gain_of_later_passes(trace)
    only_later = status is Status.FAILED and later is not None and later >= least_gain
    if only_later:
        status = Status.INCONCLUSIVE
    fault = None if status is Status.PASSED else _likely_fault(trace, window, decided=status is Status.FAILED)
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    # with the ranks of more than two candidates a wrong sign would have been seen
    sign_known = trace.target_rank is not None and int(trace.n_candidates.max()) > 2
    cause = cause.format("" if sign_known else ", or the loss has the wrong sign")
    if only_later:
        fault = None
        cause = (
            f"The letters gained only after the first pass ({later:.3f} nats on repeated examples), where learning "
            "by heart looks the same as learning."
        )
        next_step = (
            "Give the job more distinct examples and fewer passes, or judge the letter NLL on held-out users."
        )
    elif status is Status.INCONCLUSIVE:
        if gain >= least_gain:
            enough = samples_to_reach(float(gains.sum()), n, alpha)
        else:
            enough = samples_to_bet_below(bounded, bounded_effect, alpha / 2.0)
        cause, next_step = _undecided(gain, least_gain, log_e >= needed, n, enough, cause, next_step)
    elif status is Status.FAILED and log_e >= needed and gain > 0.0:
        seen = f"The gain over chance is real but trivial: {gain:.3f} nats, under the declared {least_gain:.3f}."
        cause, next_step = _instead_of_no_signal(fault, seen, cause, next_step, _MORE_OF_IT)
    elif (
        status is Status.FAILED
        and fault not in ("diverged", "anti-learning")
        and (float(np.median(gains)) >= least_gain or log_e >= needed)
    ):
        seen = (
            f"Most letters gained (median {np.median(gains):.3f} nats), but over-confident misses, with NLL up to "
            f"{window.nll.max():.3f}, bring the mean gain to {gain:.3f}, under the declared {least_gain:.3f}."
        )
        cause, next_step = _instead_of_no_signal(fault, seen, cause, next_step, _LESS_CONFIDENT)
    return Verdict(
        check="loss_below_random",
        status=status,
        claim=(
            f"over the last {n} first-pass examples the target letter's NLL is below chance, a mean log N of "
            f"{chance:.3f} nats, by at least {least_gain:.3f}"
        ),
        measured={
            "letter_nll": float(window.nll.mean()),
            "gain": gain,
            "log10_e_value": log_e / math.log(10.0),
            "first_half_letter_nll": float(window.earlier.mean()) if len(window.earlier) else None,
            "decided_after_steps": monitor.decided_after,
            **_job(trace),
        },
        threshold={
            "chance_letter_nll": chance,
            "gain": least_gain,
            "log10_e_value": needed / math.log(10.0),
        },
        n=n,
        evidence=quarters(trace) if status is not Status.PASSED else (),
        cause=cause,
        next_step=next_step,
        fault=fault,
        p_failed=min(1.0, 2.0 * p_value_of(max(against_effect, against_itself))),
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


def _window(trace: TrainingTrace) -> _Window:
    first_pass = np.flatnonzero(trace.first_pass)
    cut = len(first_pass) // 2
    late = first_pass[cut:]
    return _Window(
        nll=trace.letter_nll[late],
        chance=np.log(trace.n_candidates[late].astype(np.float64)),
        earlier=trace.letter_nll[first_pass[:cut]],
    )


def _gain_of_later_passes(trace: TrainingTrace) -> float | None:
    """Mean gain in the last half of the examples that the job had trained on before; None without any."""
    repeated = np.flatnonzero(~trace.first_pass)
    if len(repeated) == 0:
        return None
    late = repeated[len(repeated) // 2 :]
    return float((np.log(trace.n_candidates[late]) - trace.letter_nll[late]).mean())


def _likely_fault(trace: TrainingTrace, window: _Window, *, decided: bool) -> str | None:
    """The cause that the trace suggests; of an undecided run only what is seen without statistics."""
    if float(trace.learning_rate.max()) <= NEGLIGIBLE_LEARNING_RATE:
        return "no-update"
    if decided:
        first_pass = np.flatnonzero(trace.first_pass)
        if avoids_the_target(trace, first_pass[len(first_pass) // 2 :]):
            return "anti-learning"
        level, chance = float(window.nll.mean()), float(window.chance.mean())
        rising = len(window.earlier) > 0 and level > float(window.earlier.mean())
        if (level > 1.25 * chance and rising) or blew_up(trace):
            return "diverged"
    too_few = trace.optimizer_steps < FEW_STEPS or 2 * trace.optimizer_steps < trace.planned_steps
    if too_few or warms_up_to_the_end(trace):
        return "under-trained"
    return "no-signal" if decided else None


def _instead_of_no_signal(fault: str | None, seen: str, cause: str, next_step: str, advice: str) -> tuple[str, str]:
    """What was seen stands for "nothing learned", which it refutes, and before any other likely cause."""
    return (seen, advice) if fault == "no-signal" else (f"{seen} {cause}", next_step)


def _undecided(
    gain: float, least_gain: float, beats_chance: bool, n: int, enough: int | None, cause: str, next_step: str
) -> tuple[str, str]:
    if beats_chance:
        seen = (
            f"The gain over chance is real but so far trivial: {gain:.3f} nats, under the declared "
            f"{least_gain:.3f}."
        )
    else:
        seen = f"{n} examples with a mean gain of {gain:.3f} nats decide neither for nor against learning."
    if enough is None:
        advice = (
            "No number of examples at this rate would decide; train for longer, or lower `effect` if it is enough."
        )
    else:
        advice = f"About {max(enough, n + 1)} examples in the window at this rate would decide (now {n})."
    return f"{seen} {cause}".rstrip(), f"{advice} {next_step}".rstrip()


def _stopped(trace: TrainingTrace, reason: Hopeless, effect: float) -> Verdict:
    """The verdict on a job that cannot have learned."""
    finite = np.isfinite(trace.letter_nll)
    chance = float(np.log(trace.n_candidates).mean()) if len(finite) else None
    return Verdict(
        check="loss_below_random",
        status=Status.FAILED,
        claim="the training job could learn, and the target letter's NLL fell below a mean log N of "
        + (f"{chance:.3f} nats" if chance is not None else "its examples"),
        measured={"letter_nll": float(trace.letter_nll[finite].mean()) if finite.any() else None, **_job(trace)},
        threshold={"chance_letter_nll": chance, "gain": None if chance is None else effect * chance},
        n=len(finite),
        evidence=reason.rows,
        cause=reason.cause,
        next_step=reason.next_step,
        fault=reason.fault,
    )


def _job(trace: TrainingTrace) -> dict[str, Measured]:
    return {
        "optimizer_steps": trace.optimizer_steps,
        "planned_steps": trace.planned_steps,
        "non_finite_gradient_norms": int(bad_gradients(trace).sum()),
        "learning_rate_max": float(trace.learning_rate.max()) if trace.optimizer_steps else None,
        "trainable_parameters": trace.trainable_parameters,
    }
