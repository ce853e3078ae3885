"""Can a training job, as it is planned, leave chance at all? Answered before its first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.training._learning_rate import NEGLIGIBLE_LEARNING_RATE
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTaskError, RerankGuardError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.training import NO_TRAINABLE_PARAMETERS, NO_UPDATE, NOT_TRAINED, UNDER_TRAINED
from rerank_guard.core.finding import Finding, Limit, Sign, Strength, Suspected
from rerank_guard.core.setting import Count, Ratio
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import Measured, Status

__all__ = ["training_planned"]

_NEVER_NEAR = 0.01
"""A job that reaches less of its learning rate than this does not update; one that reaches more trains too little. Such a
job warms up to its end and fails in either case, so this only names the failure."""

_DECIDING = {
    NOT_TRAINED: "steps",
    NO_TRAINABLE_PARAMETERS: "trainable_parameters",
    NO_UPDATE: "highest_learning_rate",
    UNDER_TRAINED: "steps_at_full_rate",
}
"""The figure that decides for each fault."""


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a plan amounts to.

    Attributes:
        plan: the plan itself.
        steps: optimiser steps, 0 where there is nothing to train on.
        full_rate: those after the warm-up.
        needed: how many of these the check asks for.
        reached: the highest learning rate of the job.
        negligible: a learning rate up to this moves nothing.
    """

    plan: TrainingPlan
    steps: int
    full_rate: int
    needed: int
    reached: float
    negligible: float

    @property
    def least_rate(self) -> float:
        """The learning rate that the job has to reach: a share of the planned one, and more than a negligible one."""
        return max(self.negligible, _NEVER_NEAR * self.plan.learning_rate)

    @property
    def moves(self) -> bool:
        """Whether the highest learning rate moves the weights."""
        return self.reached > self.negligible and self.reached >= self.least_rate


@check(
    stage=Stage.TRAINING,
    claim="the job as planned has examples, weights to train, a learning rate that moves them, and enough optimiser steps "
    "after the warm-up",
    can_name=(NOT_TRAINED, NO_TRAINABLE_PARAMETERS, NO_UPDATE, UNDER_TRAINED),
    rules_out=(UNDER_TRAINED,),
    early=True,
)
def training_planned(
    training_plan: TrainingPlan,
    tasks: Sequence[RankingTask],
    *,
    least_steps: Count = 40,
    showings_per_letter: Count = 10,
    negligible_rate: Ratio = NEGLIGIBLE_LEARNING_RATE,
) -> Finding:
    """The job has enough optimiser steps, at a rate that moves the weights, for the letters to leave chance.

    Exact arithmetic on the plan. With F the steps after warm-up, B the examples a step and N the candidates, a job passes
    when

        F >= 40 + 10 N / B.

    The second part is the examples: each letter is the answer ten times, which takes 10 N examples. The first is the
    steps: an Adam step moves a weight by about the learning rate whatever the batch (Kingma and Ba 2015, section 2.1),
    so a larger batch does not replace any number of steps. Written as 40 / F + 10 N / (F B) <= 1 it is the trade of
    steps against examples, (S / S_min - 1) (E / E_min - 1) = 1, of McCandlish et al. 2018, "An empirical model of
    large-batch training". Steps of warm-up do not count, and the decay after it does not count against a job.

    The two numbers are set between what was seen to fail and what was seen to work, for N=50 and LoRA on a tiny base: 51
    steps of 32 of which 20 warm up (F=31) stayed at chance; 200 steps of 16 with 10 of warm-up, and 100 steps of
    32, left it (the latter with a letter NLL of 1.44, where chance is 3.91; 728 steps brought 0.69). PASSED
    therefore says only that learning is possible by this plan. Whether the job learned is for `loss_below_random` to
    say. Some jobs below the threshold would have learned too: at least 41 full-rate steps are asked however large the
    batch is.

    Args:
        training_plan: the job as configured.
        tasks: the tasks of the evaluation, at least one; their largest N is that of the formula.
        least_steps: steps at the full rate without which no batch is large enough.
        showings_per_letter: how often each letter should be the answer at the full rate.
        negligible_rate: a highest learning rate up to this moves nothing.

    Returns:
        PASSED, or FAILED with the first of: not-trained (no examples, or no step), no-trainable-parameters (0; None is
        unknown and passes), no-update (the largest rate that the job reaches is negligible, or under
        1 % of the planned one because the warm-up is so long), under-trained (too few steps after warm-up; also where warm-up
        is as long as the run or longer).

    Raises:
        InvalidTaskError: no tasks, or none with 2 candidates or more.
        RerankGuardError: a learning rate, a count or a number of passes that is negative or not a finite number; a
            setting below 0.
    """
    require_tasks(tasks)
    n_candidates = int(TaskTable.of(tasks).n_candidates.max())
    if n_candidates < 2:
        raise InvalidTaskError(f"the largest task has {n_candidates} candidate; a ranking needs at least 2.")
    _require_sane(training_plan)
    needed = least_steps + math.ceil(showings_per_letter * n_candidates / max(1, training_plan.examples_per_step))
    outlook = _outlook(training_plan, needed, negligible_rate)
    fault = _first_fault(outlook)
    return Finding(
        Status.PASSED if fault is None else Status.FAILED,
        claim=(
            f"the planned job takes at least {outlook.needed} optimiser steps at its full learning rate, with weights to "
            "train and a rate that moves them"
        ),
        measured=_figures(outlook, _DECIDING[fault or UNDER_TRAINED]),
        limits=_limits(outlook),
        n=outlook.steps,
        evidence=() if fault is None else _evidence(outlook),
        suspects=() if fault is None else (_suspected(fault, outlook),),
    )


def _require_sane(plan: TrainingPlan) -> None:
    for name in ("n_examples", "examples_per_step", "epochs", "max_steps", "warmup_steps", "learning_rate"):
        value = getattr(plan, name)
        if value is not None and not 0 <= value < math.inf:
            raise RerankGuardError(f"the training plan has {name}={value!r}; give a finite number from 0 on.")


def _outlook(plan: TrainingPlan, needed: int, negligible: float) -> _Outlook:
    steps = plan.steps if plan.n_examples > 0 and plan.examples_per_step > 0 else 0
    return _Outlook(
        plan=plan,
        steps=steps,
        full_rate=max(0, steps - plan.warmup_steps),
        needed=needed,
        reached=plan.learning_rate * min(1.0, steps / plan.warmup_steps if plan.warmup_steps else 1.0),
        negligible=negligible,
    )


def _first_fault(outlook: _Outlook) -> Fault | None:
    """The first fault, in the order in which one hides the next."""
    if outlook.steps == 0:
        return NOT_TRAINED
    if outlook.plan.trainable_parameters == 0:
        return NO_TRAINABLE_PARAMETERS
    if not outlook.moves:
        return NO_UPDATE
    return UNDER_TRAINED if outlook.full_rate < outlook.needed else None


def _figures(outlook: _Outlook, first: str) -> dict[str, Measured]:
    figures: dict[str, Measured] = {
        "steps_at_full_rate": outlook.full_rate,
        "steps": outlook.steps,
        "warmup_steps": outlook.plan.warmup_steps,
        "examples_at_full_rate": outlook.full_rate * outlook.plan.examples_per_step,
        "highest_learning_rate": outlook.reached,
        "trainable_parameters": outlook.plan.trainable_parameters,
    }
    return {first: figures.pop(first), **figures}


def _limits(outlook: _Outlook) -> tuple[Limit, ...]:
    sign: Sign = ">" if outlook.least_rate == outlook.negligible else ">="
    limits = (
        Limit("steps_at_full_rate", ">=", outlook.needed),
        Limit("steps", ">=", 1),
        Limit("highest_learning_rate", sign, outlook.least_rate),
    )
    known = outlook.plan.trainable_parameters is not None
    return (*limits, Limit("trainable_parameters", ">=", 1)) if known else limits


def _suspected(fault: Fault, outlook: _Outlook) -> Suspected:
    """Seen, a symptom's name included: the plan's own numbers show it."""
    if fault is NOT_TRAINED:
        return Suspected(fault, Strength.SEEN, *_no_step(outlook.plan))
    if fault is NO_UPDATE:
        return Suspected(fault, Strength.SEEN, *_no_rate(outlook))
    if fault is UNDER_TRAINED:
        return Suspected(fault, Strength.SEEN, *_too_few(outlook))
    return Suspected(fault, Strength.SEEN)


def _no_step(plan: TrainingPlan) -> tuple[str, str]:
    if plan.epochs is None and plan.max_steps is None:
        cause = "The plan sets neither epochs nor max_steps, so it amounts to no optimiser step."
    else:
        cause = "The plan amounts to no optimiser step: there are no examples, or no passes over them."
    return cause, "Check that the training data is not empty in this mode, and set epochs or max_steps above 0."


def _no_rate(outlook: _Outlook) -> tuple[str, str]:
    return (
        f"The learning rate is zero, negligible, or never comes near its peak: the job reaches {outlook.reached:g} of the "
        f"planned {outlook.plan.learning_rate:g}, so the weights will not move.",
        "Set a learning rate such as 1e-4 to 3e-3 for LoRA or 1e-5 to 1e-3 for all weights, and a warm-up of a tenth of "
        "the steps or less.",
    )


def _too_few(outlook: _Outlook) -> tuple[str, str]:
    plan, taken = outlook.plan, _counted(outlook.plan)
    if outlook.full_rate == 0:
        cause = (
            f"The warm-up of {plan.warmup_steps} steps covers the whole run: {taken}. The full rate is never used."
        )
    else:
        cause = (
            f"There are too few optimiser steps for the letters to leave chance: {taken}, and {plan.warmup_steps} of "
            f"them warm up, which leaves {outlook.full_rate} at the full rate."
        )
    # where the warm-up is most of the trouble, a shorter one is the cheaper way
    warmup = min(plan.warmup_steps, max(1, plan.steps // 10))
    least = warmup + outlook.needed
    passes = least * plan.examples_per_step / plan.n_examples
    shorter = f" and cut the warm-up to {warmup}" if warmup < plan.warmup_steps else ""
    next_step = (
        f"Plan at least {least} steps of {plan.examples_per_step} examples ({passes:.1f} passes over {plan.n_examples:,}"
        f" examples){shorter}: more epochs, more examples, or a smaller batch. Several hundred are usual: with 50 candidates, "
        "100 steps of 32 brought the letter NLL from 3.91 to 1.44, and 728 brought it to 0.69."
    )
    return cause, next_step


def _counted(plan: TrainingPlan) -> str:
    """How the steps come about: "1,635 examples at 32 a step are 51 whole steps and a rest of 3, in 1 pass"."""
    if plan.max_steps is not None:
        return f"max_steps is {plan.max_steps}, of {plan.examples_per_step} examples each"
    whole, rest = divmod(plan.n_examples, plan.examples_per_step)
    steps = f"{whole} whole step{'' if whole == 1 else 's'}" + (f" and a rest of {rest}" if rest else "")
    passes = plan.epochs or 0.0
    often = "in 1 pass" if passes == 1 else f"a pass, and {passes:g} passes are {plan.steps} steps"
    return f"{plan.n_examples:,} examples at {plan.examples_per_step} a step are {steps}, {often}"


def _evidence(outlook: _Outlook) -> tuple[str, ...]:
    plan, steps = outlook.plan, outlook.steps
    rows = [f"{plan.n_examples:,} examples, epochs={plan.epochs}, max_steps={plan.max_steps}"]
    if steps:
        rows[0] = _counted(plan)
        rows.append(f"{min(plan.warmup_steps, steps)} of {steps} steps warm up (warmup_steps={plan.warmup_steps})")
        rows.append(f"learning rate: {plan.learning_rate:g} planned, {outlook.reached:g} reached")
    if plan.trainable_parameters is not None:
        rows.append(f"{plan.trainable_parameters:,} trainable parameters")
    return tuple(rows)
