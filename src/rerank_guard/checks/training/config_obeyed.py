"""Did the training job run with the settings it was given?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.training._schedule import idle_at_the_end, pace, warmed_up_after
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.faults.training import CONFIG_IGNORED, NOT_TRAINED
from rerank_guard.core.finding import Finding, Limit, suspect
from rerank_guard.core.setting import Count, NeededShare, Ratio, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Status

__all__ = ["config_obeyed"]

_LONG_ENOUGH = 4
"""Planned steps of warm-up from which on its length can be told from the trace."""

_USUAL_DEFAULTS = {
    ("learning_rate", 5e-5): "transformers' TrainingArguments",
    ("learning_rate", 2e-4): "many LoRA recipes",
    ("learning_rate", 1e-3): "torch.optim.Adam",
    ("examples_per_step", 8.0): "transformers' TrainingArguments",
    ("passes", 3.0): "transformers' TrainingArguments",
}
"""Where a value may have come from; only words the evidence."""


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What is let pass; see `config_obeyed`."""

    tolerance: float
    min_peak: float
    min_peak_early: float
    settled_after: int
    spare_steps: int
    dead_rate: float
    min_alive: float
    max_idle: float
    warmup_tolerance: float
    pace_fits: float
    pace_differs: float
    sampling_slack: float


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting as it was planned and as the trace shows it; `wrong` when the two differ beyond rounding."""

    name: str
    planned: float
    seen: float
    wrong: bool
    how: str = ""

    @property
    def row(self) -> str:
        """Planned against seen, with the library whose default the seen value is."""
        defaults = [
            source
            for (name, value), source in _USUAL_DEFAULTS.items()
            if name == self.name and math.isclose(self.seen, value, rel_tol=0.01)
        ]
        origin = f" ({self.seen:g} is the default of {defaults[0]})" if defaults else ""
        return f"{self.name}: planned {self.planned:g}, seen {self.seen:g}{self.how}{origin}"


@check(
    stage=Stage.TRAINING,
    claim="the training job ran with the learning rate, schedule, steps, examples a step and passes that its plan gives",
    can_name=(NOT_TRAINED, CONFIG_IGNORED),
    rules_out=(CONFIG_IGNORED,),
)
def config_obeyed(
    training_plan: TrainingPlan,
    training_trace: TrainingTrace,
    *,
    tolerance: Share = 0.1,
    min_peak: NeededShare = 0.8,
    min_peak_early: NeededShare = 0.5,
    settled_after: Count = 20,
    spare_steps: Count = 1,
    dead_rate: Share = 1e-3,
    min_alive: NeededShare = 0.5,
    max_idle: Share = 0.05,
    warmup_tolerance: Share = 0.4,
    pace_fits: Share = 0.02,
    pace_differs: Share = 0.05,
    sampling_slack: Ratio = 3.0,
    max_ignored: Count = 0,
) -> Finding:
    """The learning rate's schedule, the steps, the examples a step and the passes over the data are those of the plan.

    Exact up to rounding; no statistics. What is let pass:

    - steps: those of a loader that drops, keeps, or pads the rest of each pass, and `spare_steps` more or fewer; any
      number fewer, when the job was ended because its verdicts were in (`trace.stopped_early`).
    - examples a step: the largest step may be smaller than planned by the tolerance, and the mean larger, so that short
      last batches, and batches filled by tokens around a planned mean, pass.
    - peak learning rate: the tolerance above, and down to `min_peak` of the plan in a job that ran `settled_after` steps or
      more after its warm-up, `min_peak_early` in one that only just ended it; not bounded from below in one that did not.
    - steps with a learning rate above `dead_rate` of the peak: at least `min_alive` of those after the warm-up, where
      these are `settled_after` or more; and there is none at up to `max_idle` of them at the end.
    - warm-up, where 4 steps or more are planned and the rate is not one number throughout them: the first step near the job's largest rate is within `warmup_tolerance` of
      the planned one.
    - the pace of the schedule: a job fails that follows a constant, linear or cosine schedule with warm-up, but at a multiple
      of the planned pace (a scheduler that is advanced with each micro-batch, or that counts on fewer steps than the job
      takes). What fits none of these at any pace passes. A job that was ended early shows the first part of its schedule.
    - passes: the first-pass examples are compared with what as many draws with replacement from all of the examples
      would show, so that such sampling passes; only a job that repeats a part of its data in place of the whole fails. Not
      compared where some steps recorded no example.

    FAILED where more than `max_ignored` of these are not the plan's.

    Args:
        training_plan: the job as configured.
        training_trace: what it recorded, of all processes together. Examples recorded after the last step do not count.
        tolerance: share by which the examples a step, the passes and the peak of the learning rate (from above) may
            differ from the planned ones.
        min_peak: least share of the planned peak that a job has to show which ran on well after its warm-up: the rate of
            the peak's own step may not have been logged, and decay begins at once.
        min_peak_early: the same where the job ended soon after its warm-up.
        settled_after: steps after the warm-up from which on a job ran well after it.
        spare_steps: steps that a job may take more, or fewer, than a loader explains.
        dead_rate: share of the peak up to which a learning rate trains nothing.
        min_alive: least share of the steps after the warm-up at which there is a learning rate; of the usual schedules a
            cosine's is 0.97.
        max_idle: share of the steps after the warm-up that may be without a learning rate at the end.
        warmup_tolerance: share by which the warm-up may be shorter or longer than planned.
        pace_fits: mean distance from a schedule of another pace, as a share of the peak, within which the job followed it.
        pace_differs: mean distance from every schedule of the planned pace beyond which the job followed none of them.
        sampling_slack: how many distinct examples may be missing beside the tolerance, as a multiple of the square root
            of those that draws with replacement show; their standard deviation is at most 0.4 of that root.
        max_ignored: how many of these may differ.

    Returns:
        PASSED, or FAILED with not-trained (no optimiser step) or config-ignored.

    Raises:
        InvalidTraceError: a learning rate that is not a number.
        SettingError: a setting out of range.
    """
    plan, trace = training_plan, training_trace
    if not bool(np.isfinite(trace.learning_rate).all()):
        step = int(np.flatnonzero(~np.isfinite(trace.learning_rate))[0])
        raise InvalidTraceError(
            f"step {step} of the trace has learning_rate {trace.learning_rate[step]}; record the rate of every step."
        )
    if not trace.optimizer_steps:
        return _not_trained(plan, trace)
    allowed = _Allowed(
        tolerance,
        min_peak,
        min_peak_early,
        settled_after,
        spare_steps,
        dead_rate,
        min_alive,
        max_idle,
        warmup_tolerance,
        pace_fits,
        pace_differs,
        sampling_slack,
    )
    settings = _settings(plan, trace, allowed)
    wrong = [setting for setting in settings if setting.wrong]
    return Finding(
        Status.FAILED if len(wrong) > max_ignored else Status.PASSED,
        measured={"settings_ignored": len(wrong), **{setting.name: setting.seen for setting in settings}},
        limits=(Limit("settings_ignored", "<=", max_ignored),),
        compared_with={setting.name: setting.planned for setting in settings},
        n=trace.optimizer_steps,
        evidence=_evidence(wrong, plan, trace) if wrong else (),
        suspects=(suspect(CONFIG_IGNORED, _cause(wrong)),) if len(wrong) > max_ignored else (),
    )


def _not_trained(plan: TrainingPlan, trace: TrainingTrace) -> Finding:
    return Finding(
        Status.FAILED,
        measured={"steps": 0},
        limits=(Limit("steps", ">=", 1),),
        evidence=(f"0 optimiser steps taken of {plan.steps} planned, in {trace.seconds:.1f} s",),
        suspects=(suspect(NOT_TRAINED),),
    )


def _cause(wrong: list[_Setting]) -> str:
    names = ", ".join(setting.name for setting in wrong)
    return (
        f"The job ran with other settings than the plan's: {names}. A setting was lost on its way, or the job ended before "
        "its time."
    )


def _evidence(wrong: list[_Setting], plan: TrainingPlan, trace: TrainingTrace) -> tuple[str, ...]:
    rows = tuple(setting.row for setting in wrong)
    if trace.planned_steps != plan.steps:
        rows = (*rows[:4], f"the job itself counted on {trace.planned_steps} steps, the plan on {plan.steps}")
    return rows


def _settings(plan: TrainingPlan, trace: TrainingTrace, allowed: _Allowed) -> list[_Setting]:
    settings = [_peak(plan, trace, allowed), _steps(plan, trace, allowed), *_schedule(plan, trace, allowed)]
    counts = np.bincount(trace.example_step[trace.example_step < trace.optimizer_steps])
    counts = counts[counts > 0]  # a job may record its losses at some steps only
    if len(counts) and plan.examples_per_step > 0 and plan.n_examples > 0:
        settings.append(_examples_per_step(plan, int(counts.max()), float(counts.mean()), allowed.tolerance))
        if len(counts) == trace.optimizer_steps:
            settings.append(_passes(plan, trace, allowed))
    return settings


def _peak(plan: TrainingPlan, trace: TrainingTrace, allowed: _Allowed) -> _Setting:
    seen, after = float(trace.learning_rate.max()), trace.optimizer_steps - plan.warmup_steps
    least = 0.0
    if after >= allowed.settled_after:
        least = allowed.min_peak
    elif after > 1:
        least = allowed.min_peak_early
    too_high = seen > (1.0 + allowed.tolerance) * plan.learning_rate
    wrong = too_high or seen < least * plan.learning_rate * (1.0 - 1e-9)
    return _Setting("learning_rate", plan.learning_rate, seen, wrong, " at most")


def _steps(plan: TrainingPlan, trace: TrainingTrace, allowed: _Allowed) -> _Setting:
    seen, most = trace.optimizer_steps, plan.steps + allowed.spare_steps
    least = plan.steps - allowed.spare_steps
    if plan.max_steps is None and plan.examples_per_step > 0 and plan.epochs is not None:
        least = math.floor(plan.n_examples // plan.examples_per_step * plan.epochs) - allowed.spare_steps
        most += math.ceil(plan.epochs)  # samplers of several processes pad each pass
    wrong = seen > most or (seen < least and not trace.stopped_early)
    return _Setting("steps", plan.steps, seen, wrong)


def _schedule(plan: TrainingPlan, trace: TrainingTrace, allowed: _Allowed) -> list[_Setting]:
    """The warm-up, the steps after it that have a learning rate, and the pace of the schedule."""
    rates = trace.learning_rate
    after = rates[plan.warmup_steps :]
    if len(after) < allowed.settled_after or not rates.any():
        return []
    alive = int((after > allowed.dead_rate * after.max()).sum())
    idle = idle_at_the_end(after)
    ended_early = idle > allowed.spare_steps + math.ceil(allowed.max_idle * len(after))
    settings = [
        _Setting(
            "steps_with_a_learning_rate",
            len(after),
            min(alive, len(after) - idle),
            ended_early or alive < allowed.min_alive * len(after),
        )
    ]
    if plan.warmup_steps >= _LONG_ENOUGH and np.ptp(rates[: plan.warmup_steps + 1]) > 0.0:
        seen, slack = warmed_up_after(rates), allowed.spare_steps
        too_short = seen + slack < (1.0 - allowed.warmup_tolerance) * plan.warmup_steps
        too_long = seen - slack > (1.0 + allowed.warmup_tolerance) * plan.warmup_steps
        settings.append(_Setting("warmup_steps", plan.warmup_steps, seen, too_short or too_long))
    seen_pace = pace(plan, rates, allowed.pace_fits, allowed.pace_differs)
    how = " (the schedule is advanced with each micro-batch, or ends before the job)" if seen_pace != 1.0 else ""
    return [*settings, _Setting("schedule_steps_per_step", 1.0, seen_pace, seen_pace != 1.0, how)]


def _examples_per_step(plan: TrainingPlan, largest: int, mean: float, tolerance: float) -> _Setting:
    planned = min(plan.examples_per_step, plan.n_examples)
    if largest < (1.0 - tolerance) * planned:
        return _Setting("examples_per_step", planned, largest, True, " at most")
    too_many = mean > (1.0 + tolerance) * planned
    return _Setting("examples_per_step", planned, mean if too_many else largest, too_many)


def _passes(plan: TrainingPlan, trace: TrainingTrace, allowed: _Allowed) -> _Setting:
    """How often the job went over the examples that it saw, against how often as many would have gone over all."""
    read, distinct = len(trace.letter_nll), int(trace.first_pass.sum())
    planned = max(1.0, read / plan.n_examples)
    seen = read / max(1, distinct)
    drawn = -plan.n_examples * math.expm1(-read / plan.n_examples)  # distinct ones of `read` draws with replacement
    least = (1.0 - allowed.tolerance) * min(drawn, plan.n_examples) - allowed.sampling_slack * math.sqrt(drawn)
    # more examples than there are: repeats that were recorded under new ids, and taken for fresh ones
    wrong = distinct < least or distinct > (1.0 + allowed.tolerance) * plan.n_examples
    how = f" over {distinct:,} of {plan.n_examples:,} examples (unless different ones were recorded under one id)"
    return _Setting("passes", planned, seen, wrong, how)
