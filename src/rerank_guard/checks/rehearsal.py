"""Can the training job learn one batch by heart? A few seconds' rehearsal before a job of hours."""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.checks._hopeless_trace import hopeless
from rerank_guard.checks.optimisation import NEGLIGIBLE_LEARNING_RATE
from rerank_guard.checks.recorded_loss import avoids_the_target
from rerank_guard.errors import InvalidTraceError
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.types import IntArray, TrainingTrace
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["check_one_batch_learned"]

_CHECK = "one_batch_learned"
_WELL_BELOW = 0.9
"""What is learned by heart brings the NLL below this share of what the batch's letters alone can bring it to."""

_WITHOUT_SLOTS = 0.5
"""The same share of log N, where the targets' slots were not recorded."""

_RAN_AWAY = 1.25
"""Times both chance and the start, above which a loss did not merely fail to fall."""

_ROSE = 0.1
"""Share of log N by which the loss must have risen before the targets' ranks are looked at. These are of the same few examples
over and over: a base that ranks just these low, and learns nothing, is no job of the wrong sign."""

_RATE_LOST = 0.5
_RATE_TOO_HIGH = 1.1
"""A rehearsal's highest learning rate outside of these shares of the planned one is not the plan's."""

_ANTI_LEARNING = (
    "The job gets worse at the very examples that it trains on, and ranks their targets below chance: the loss has the wrong "
    "sign.",
    "Check the sign of what backward is called on: the loss is -log p(target letter), and it is minimised.",
)
_DIVERGED = (
    "The loss on the very examples that are trained on rises far above chance: the learning rate is far too large, or the loss "
    "has the wrong sign.",
    "Divide the learning rate by 10 and clip gradients; if it still rises, check the sign of the loss.",
)
_CONFIG_IGNORED = (
    "The rehearsal ran with another learning rate than the plan's: the setting is lost on its way.",
    "Follow the learning rate from the configuration to the optimiser's groups and the schedule, and print what these hold.",
)
_UNDECIDED = (
    "In {steps} steps the job has not learned by heart the few examples that it was shown over and over: it knows no more "
    "than which letters are right. {trend}",
    "Rehearse for longer. If it still does not fall: look for a loss at another position than the letter's, labels shuffled "
    "against their prompts, candidates or answer cut from the prompt, a learning rate that is far too large or too small.",
)


def check_one_batch_learned(trace: TrainingTrace, plan: TrainingPlan | None = None) -> Verdict:
    """Shown the same few examples over and over, the job learns them by heart.

    Whatever the data: even where targets are drawn at random, a job with a gradient learns a few examples by heart. So one
    that does not is broken in itself, and a few dozen steps show it before the whole job is run. (An old rule of practice:
    Karpathy 2019, "A Recipe for Training Neural Networks", overfit one batch.)

    Judged is the mean letter NLL over the last quarter of the steps. The bound is the entropy of the target letters of the
    batch, which is what a model that does not read its prompt can reach at best; without recorded slots it is log N.

    - PASSED: the NLL is below 0.9 of that entropy (0.5 of log N).
    - FAILED: what cannot have learned (no trainable parameter, no step, learning rate or gradients 0, losses that are not
      numbers); a learning rate other than the plan's; or an NLL that ran away above 1.25 times both chance and the first
      quarter, or that rose by a tenth of log N with targets that are ranked below chance (`recorded_loss.avoids_the_target`;
      of repeated examples no error rate is claimed).
    - INCONCLUSIVE: else; more steps would decide.

    Args:
        trace: of the rehearsal: some dozens of steps on a few examples, with the job's own learning rate. Which
            examples count as a first pass does not matter.
        plan: the job's plan; None where it is not known.

    Raises:
        InvalidTraceError: steps without examples, or N below 2.
    """
    if trace.optimizer_steps and not len(trace.letter_nll):
        raise InvalidTraceError(
            f"the rehearsal took {trace.optimizer_steps} steps but recorded no example; record each one's letter NLL."
        )
    if len(trace.n_candidates) and int(trace.n_candidates.min()) < 2:
        raise InvalidTraceError(
            "the rehearsal has an example with fewer than 2 candidates; a ranking needs at least 2."
        )
    if reason := hopeless(trace):
        return _verdict(trace, Status.FAILED, reason.fault, reason.cause, reason.next_step, reason.rows)
    highest = float(trace.learning_rate.max())
    if plan is not None and not _RATE_LOST * plan.learning_rate <= highest <= _RATE_TOO_HIGH * plan.learning_rate:
        rows = (f"learning_rate: planned {plan.learning_rate:g}, seen {highest:g}",)
        return _verdict(trace, Status.FAILED, "config-ignored", *_CONFIG_IGNORED, rows)
    if highest <= NEGLIGIBLE_LEARNING_RATE:
        rows = (f"highest learning rate {highest:g}",)
        return _verdict(
            trace,
            Status.FAILED,
            "no-update",
            "The learning rate is so small that nothing moves.",
            "Raise it; 1e-5 to 3e-3 are usual.",
            rows,
        )
    first, last = _quarter(trace, 0), _quarter(trace, 3)
    ended, chance = float(trace.letter_nll[last].mean()), _chance(trace)
    if ended <= _bound(trace):
        return _verdict(trace, Status.PASSED, None, "", "", ())
    started = float(trace.letter_nll[first].mean())
    if ended > chance and ended - started > _ROSE * chance and avoids_the_target(trace, last):
        return _verdict(trace, Status.FAILED, "anti-learning", *_ANTI_LEARNING, _path(trace))
    if ended > _RAN_AWAY * max(chance, started):
        return _verdict(trace, Status.FAILED, "diverged", *_DIVERGED, _path(trace))
    fell = started - ended
    trend = (
        f"The letter NLL has fallen by {fell:.2f} nats." if fell > 0.0 else "The letter NLL has not fallen at all."
    )
    cause = _UNDECIDED[0].format(steps=trace.optimizer_steps, trend=trend)
    return _verdict(trace, Status.INCONCLUSIVE, None, cause, _UNDECIDED[1], _path(trace))


def _quarter(trace: TrainingTrace, which: int) -> IntArray:
    """Examples of one quarter of the steps, 0 to 3; of a job of fewer than 4 steps those of its first or last."""
    steps = trace.optimizer_steps
    start, end = which * steps // 4, max((which + 1) * steps // 4, which * steps // 4 + 1)
    chosen = np.flatnonzero((trace.example_step >= start) & (trace.example_step < end))
    return chosen if len(chosen) else np.arange(len(trace.letter_nll))


def _chance(trace: TrainingTrace) -> float:
    return float(np.log(trace.n_candidates).mean())


def _bound(trace: TrainingTrace) -> float:
    """The NLL from which on down the examples are known by heart, in nats."""
    if trace.target_index is None:
        return _WITHOUT_SLOTS * _chance(trace)
    _, counts = np.unique(trace.target_index, return_counts=True)
    shares = counts / counts.sum()
    entropy = -float((shares * np.log(shares)).sum())
    # examples that all have one letter are known once that letter is: then only log N says anything
    return _WELL_BELOW * entropy if entropy > math.log(2.0) / 2.0 else _WITHOUT_SLOTS * _chance(trace)


def _path(trace: TrainingTrace) -> tuple[str, ...]:
    return tuple(
        f"quarter {which + 1} of the steps: letter NLL {trace.letter_nll[_quarter(trace, which)].mean():.3f}"
        for which in range(4)
    )


def _verdict(
    trace: TrainingTrace, status: Status, fault: str | None, cause: str, next_step: str, rows: tuple[str, ...]
) -> Verdict:
    losses = trace.letter_nll
    judged = bool(len(losses)) and trace.optimizer_steps > 0
    finite = judged and bool(np.isfinite(losses).all())
    measured: dict[str, Measured] = {
        "letter_nll": float(losses[_quarter(trace, 3)].mean()) if finite else None,
        "letter_nll_at_start": float(losses[_quarter(trace, 0)].mean()) if finite else None,
        "optimizer_steps": trace.optimizer_steps,
    }
    return Verdict(
        check=_CHECK,
        status=status,
        claim="shown the same few examples over and over, the job learns them by heart",
        measured=measured,
        threshold={
            "letter_nll": _bound(trace) if judged else None,
            "chance_letter_nll": _chance(trace) if judged else None,
        },
        n=len(losses),
        evidence=rows,
        cause=cause,
        next_step=next_step,
        fault=fault,
    )
