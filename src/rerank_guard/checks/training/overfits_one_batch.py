"""Can the training job overfit one batch? Smoke training on one batch, a few seconds before a job of hours."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks.training._hopeless_trace import HOPELESS, MOST_NON_FINITE, MOSTLY_ZERO, hopeless
from rerank_guard.checks.training._learning_rate import NEGLIGIBLE_LEARNING_RATE
from rerank_guard.checks.training._loss_course import avoids_the_target
from rerank_guard.checks.training._unchanged import repeats_its_losses, rose
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.faults.training import ANTI_LEARNING, CONFIG_IGNORED, DIVERGED, NO_SIGNAL, NO_UPDATE
from rerank_guard.core.finding import Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Level, NeededShare, Ratio, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import IntArray, TrainingTrace
from rerank_guard.core.verdict import Measured, Status

__all__ = ["overfits_one_batch"]

_UNCHANGED = (
    "The losses of the examples are, to the last digit, those that they had before: the steps do not move the weights that "
    "the loss depends on."
)
_LOOK_AT_OPTIMISER = "Build the optimiser after the adapters, from the model's own parameters; print the weights' change over a few steps."
_OTHER_RATE = "The smoke training ran with another learning rate than the plan's: the setting was lost on its way."
_TRAIN_LONGER = (
    "Train on the one batch for longer. If the loss still does not fall: look for a loss at another position than the "
    "letter's, labels shuffled against their prompts, candidates or answer cut from the prompt, a learning rate that is far "
    "too large or too small."
)


@dataclass(frozen=True, slots=True)
class _Course:
    """How the letter NLL of the batch went, in nats; NaN where it was not recorded or is not a finite number.

    Attributes:
        started, ended: mean over the first and the last quarter of the steps.
        chance: mean log N.
        bound: the NLL up to which the job has overfitted the batch.
        max_excess: share by which it may end above both chance and its start.
        max_rise: share of log N by which it may rise before the targets' ranks are looked at. These are of the same few
            examples over and over: a base that ranks just these low, and learns nothing, is no job of the wrong sign.
    """

    started: float
    ended: float
    chance: float
    bound: float
    max_excess: float = 0.0
    max_rise: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rates:
    """The learning rates that are taken for the plan's: from a share of it to an excess over it."""

    rate: float
    least: float
    excess: float

    def contain(self, highest: float) -> bool:
        """Whether the highest rate of a job is one of them."""
        return self.least * self.rate <= highest <= (1.0 + self.excess) * self.rate


@check(
    stage=Stage.TRAINING,
    claim="trained on the same few examples over and over, the job overfits them",
    can_name=(*HOPELESS, CONFIG_IGNORED, ANTI_LEARNING, DIVERGED),
    looks_like=NO_SIGNAL,
)
def overfits_one_batch(
    smoke_trace: TrainingTrace,
    training_plan: TrainingPlan | None = None,
    *,
    share_of_entropy: Share = 0.9,
    share_of_chance: Share = 0.5,
    max_excess: Ratio = 0.25,
    max_rise: Share = 0.1,
    alpha: Level = 1e-6,
    min_rate: NeededShare = 0.5,
    max_rate_excess: Ratio = 0.1,
    negligible_rate: Ratio = NEGLIGIBLE_LEARNING_RATE,
    max_non_finite: Share = MOST_NON_FINITE,
    zero_gradients: NeededShare = MOSTLY_ZERO,
) -> Finding:
    """Trained on the same few examples over and over, the job overfits them.

    Whatever the data: even where targets are drawn at random, a job with a gradient overfits a few examples. So one
    that does not is broken in itself, and a few dozen steps show it before the whole job is run. (An old rule of practice:
    Karpathy 2019, "A Recipe for Training Neural Networks", overfit one batch.)

    Judged is the mean letter NLL over the last quarter of the steps. It is compared with the entropy of the target letters
    of the batch, which is what a model that does not read its prompt can reach at best; where the targets' positions were
    not recorded, or all examples have about one letter (an entropy up to half of log 2), with log N.

    - PASSED: the NLL is at most `share_of_entropy` of that entropy (`share_of_chance` of log N).
    - FAILED: what cannot have learned (no trainable parameter, no step, learning rate or gradients 0, losses that are not
      numbers, or that come again unchanged); a learning rate other than the plan's; or an NLL that ran away above both chance and the first quarter by
      more than `max_excess` of the larger, or that rose by more than `max_rise` of log N with targets that are ranked below
      chance at alpha (`avoids_the_target`; of repeated examples no error rate is claimed).
      Examples that have, to the last digit, the losses that they had before are named no-update; and a rise is one only
      where it is larger than the spread of the losses explains, as the quarters may hold other examples.
    - INCONCLUSIVE: else; more steps would decide.

    Args:
        smoke_trace: of the smoke training: some dozens of steps on a few examples, with the job's own learning rate. Which
            examples count as a first pass does not matter.
        training_plan: the job's plan; None where it is not known.
        share_of_entropy: the NLL that counts as overfitted, as a share of the batch's letter entropy.
        share_of_chance: the same as a share of log N.
        max_excess: by which share the NLL may end above both chance and its start; above that the job has diverged.
        max_rise: share of log N by which it may rise before the targets' ranks are looked at.
        alpha: level at which these have to be below chance for a job of the wrong sign.
        min_rate: least share of the plan's learning rate that the smoke training has to reach.
        max_rate_excess: by which share it may exceed the plan's.
        negligible_rate: a highest learning rate up to this moves nothing.
        max_non_finite: share of the recorded gradient norms up to which those that are not finite are let pass.
        zero_gradients: share of the steps with a gradient norm of exactly 0 from which on nothing was learned.

    Returns:
        The verdict, with the fault that the trace shows where it failed.

    Raises:
        InvalidTraceError: steps without examples, or N below 2.
        SettingError: a setting out of range.
    """
    _require_sane(smoke_trace)
    course = replace(
        _course(smoke_trace, share_of_entropy, share_of_chance), max_excess=max_excess, max_rise=max_rise
    )
    if reason := hopeless(smoke_trace, max_non_finite=max_non_finite, zero_gradients=zero_gradients):
        return _finding(smoke_trace, course, Status.FAILED, reason.suspected, reason.rows, by_loss=False)
    planned = None if training_plan is None else _Rates(training_plan.learning_rate, min_rate, max_rate_excess)
    if wrong := _wrong_rate(float(smoke_trace.learning_rate.max()), planned, negligible_rate):
        suspected, row = wrong
        return _finding(smoke_trace, course, Status.FAILED, suspected, (row,), by_loss=False)
    if course.ended <= course.bound:
        return _finding(smoke_trace, course, Status.PASSED)
    if repeats_its_losses(smoke_trace, one_batch=True):
        unchanged = suspect(NO_UPDATE, _UNCHANGED, _LOOK_AT_OPTIMISER)
        return _finding(smoke_trace, course, Status.FAILED, unchanged, _path(smoke_trace))
    if rise := _rise(smoke_trace, course, alpha):
        return _finding(smoke_trace, course, Status.FAILED, rise, _path(smoke_trace))
    undecided = _finding(smoke_trace, course, Status.INCONCLUSIVE, None, _path(smoke_trace))
    return replace(undecided, cause=_undecided(smoke_trace, course), next_step=_TRAIN_LONGER)


def _require_sane(trace: TrainingTrace) -> None:
    if trace.optimizer_steps and not len(trace.letter_nll):
        raise InvalidTraceError(
            f"the smoke training took {trace.optimizer_steps} steps but recorded no example; record each one's letter NLL."
        )
    if len(trace.n_candidates) and int(trace.n_candidates.min()) < 2:
        raise InvalidTraceError(
            "the smoke training has an example with fewer than 2 candidates; a ranking needs at least 2."
        )


def _course(trace: TrainingTrace, share_of_entropy: float, share_of_chance: float) -> _Course:
    losses = trace.letter_nll
    if not len(losses) or trace.optimizer_steps == 0:
        return _Course(math.nan, math.nan, math.nan, math.nan)
    finite = bool(np.isfinite(losses).all())
    chance = float(np.log(trace.n_candidates).mean())
    entropy = _letter_entropy(trace)
    return _Course(
        started=float(losses[_quarter(trace, 0)].mean()) if finite else math.nan,
        ended=float(losses[_quarter(trace, 3)].mean()) if finite else math.nan,
        chance=chance,
        bound=share_of_chance * chance if entropy is None else share_of_entropy * entropy,
    )


def _letter_entropy(trace: TrainingTrace) -> float | None:
    """Entropy of the batch's target letters, nats; None where positions were not recorded or the letters say nothing."""
    if trace.target_index is None:
        return None
    _, counts = np.unique(trace.target_index, return_counts=True)
    shares = counts / counts.sum()
    entropy = -float((shares * np.log(shares)).sum())
    # examples that all have one letter are known once that letter is: then only log N says anything
    return entropy if entropy > math.log(2.0) / 2.0 else None


def _wrong_rate(highest: float, planned: _Rates | None, negligible: float) -> tuple[Suspected, str] | None:
    """What is wrong with the highest learning rate of the smoke training, and a row that shows it."""
    if planned is not None and not planned.contain(highest):
        row = f"learning_rate: planned {planned.rate:g}, seen {highest:g}"
        return suspect(CONFIG_IGNORED, _OTHER_RATE), row
    if highest <= negligible:
        cause = f"The highest learning rate is {highest:g}, so small that nothing moves."
        return suspect(NO_UPDATE, cause, "Raise it; 1e-5 to 3e-3 are usual."), f"highest learning rate {highest:g}"
    return None


def _rise(trace: TrainingTrace, course: _Course, alpha: float) -> Suspected | None:
    """The fault of a loss that rose; None of one that merely did not fall."""
    path = f"from {course.started:.2f} to {course.ended:.2f} nats, where chance is {course.chance:.2f}"
    if not rose(trace.letter_nll[_quarter(trace, 0)], trace.letter_nll[_quarter(trace, 3)]):
        return None  # the quarters may hold other examples
    above = course.ended > course.chance and course.ended - course.started > course.max_rise * course.chance
    if above and avoids_the_target(trace, _quarter(trace, 3), alpha):
        return suspect(
            ANTI_LEARNING,
            f"The letter NLL of the very examples that are trained on goes {path}, and their targets are ranked below "
            "chance: the loss has the wrong sign.",
        )
    if course.ended > (1.0 + course.max_excess) * max(course.chance, course.started):
        return suspect(
            DIVERGED,
            f"The letter NLL of the very examples that are trained on goes {path}: the learning rate is far too large, or "
            "the loss has the wrong sign.",
        )
    return None


def _undecided(trace: TrainingTrace, course: _Course) -> str:
    fell = course.started - course.ended
    trend = f"has fallen by {fell:.2f} nats" if fell > 0.0 else "has not fallen at all"
    return (
        f"In {trace.optimizer_steps} steps on one batch the job has not overfitted it: it knows no more than which letters "
        f"are right. The letter NLL {trend}."
    )


def _quarter(trace: TrainingTrace, which: int) -> IntArray:
    """Examples of one quarter of the steps, 0 to 3; of a job of fewer than 4 steps those of its first or last."""
    steps = trace.optimizer_steps
    start, end = which * steps // 4, max((which + 1) * steps // 4, which * steps // 4 + 1)
    chosen = np.flatnonzero((trace.example_step >= start) & (trace.example_step < end))
    return chosen if len(chosen) else np.arange(len(trace.letter_nll))


def _path(trace: TrainingTrace) -> tuple[str, ...]:
    return tuple(
        f"quarter {which + 1} of the steps: letter NLL {trace.letter_nll[_quarter(trace, which)].mean():.3f}"
        for which in range(4)
    )


def _finding(
    trace: TrainingTrace,
    course: _Course,
    status: Status,
    suspected: Suspected | None = None,
    rows: tuple[str, ...] = (),
    *,
    by_loss: bool = True,
) -> Finding:
    """The finding; `by_loss` says whether the letter NLL decided, so that the bound is a limit, or something else did."""
    chance: dict[str, Measured] = {"chance_letter_nll": _known(course.chance)}
    return Finding(
        status,
        measured={
            "letter_nll": _known(course.ended),
            "letter_nll_at_start": _known(course.started),
            "optimizer_steps": trace.optimizer_steps,
        },
        limits=(Limit("letter_nll", "<=", course.bound),) if by_loss else (),
        compared_with=chance if by_loss else {"letter_nll": _known(course.bound), **chance},
        n=len(trace.letter_nll),
        evidence=rows,
        suspects=() if suspected is None else (suspected,),
    )


def _known(value: float) -> Measured:
    return value if math.isfinite(value) else None
