"""Can a training job, as it is planned, leave chance at all? Told before its first step."""

from __future__ import annotations

import math

from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["LEAST_STEPS", "NEGLIGIBLE_LEARNING_RATE", "SHOWINGS_A_LETTER", "check_training_planned"]

LEAST_STEPS = 40
"""Steps at the full rate without which no batch is large enough."""

SHOWINGS_A_LETTER = 10
"""How often each letter should have been the answer at the full rate."""

NEGLIGIBLE_LEARNING_RATE = 1e-7
"""A learning rate at or below this moves nothing that training can use."""

_NEVER_NEAR = 0.01
"""A job that reaches less of its learning rate than this does not update; one that reaches more trains too little."""

_EXPLANATIONS = {
    "not-trained": (
        "The plan amounts to no optimiser step: there are no examples, or no passes over them.",
        "Check that the training data is not empty in this mode, and set epochs or max_steps above 0.",
    ),
    "no-trainable-parameters": (
        "No parameter requires a gradient: the adapters are frozen or were never attached.",
        "Attach the adapters before the optimiser is made, and print the number of trainable parameters.",
    ),
    "no-update": (
        "The learning rate is zero, negligible, or never comes near its peak, so the weights will not move.",
        "Set a learning rate such as 1e-4 to 3e-3 for LoRA or 1e-5 to 1e-3 for all weights, and a warm-up of a tenth of "
        "the steps or less.",
    ),
    "under-trained": ("", ""),  # worded from the plan's own numbers
}


def check_training_planned(plan: TrainingPlan, n_candidates: int) -> Verdict:
    """The job has enough optimiser steps, at a rate that moves the weights, for the letters to leave chance.

    Exact arithmetic on the plan. With F the steps after warm-up, B the examples a step and N the candidates, a job passes
    when

        F >= 40 + 10 N / B.

    The second part is the examples: each letter is the answer ten times, which takes 10 N examples. The first is the
    steps: an Adam step moves a weight by about the learning rate whatever the batch (Kingma and Ba 2015, section 2.1),
    so a larger batch does not make up for steps without end. Written as 40 / F + 10 N / (F B) <= 1 it is the trade of
    steps against examples, (S / S_min - 1) (E / E_min - 1) = 1, of McCandlish et al. 2018, "An empirical model of
    large-batch training". Steps of warm-up do not count, and the decay after it does not count against a job.

    The two numbers are set between what was seen to fail and what was seen to work, for N=50 and LoRA on a tiny base: 51
    steps of 32 of which 20 warm up (F=31) stayed at chance; 200 steps of 16 with 10 of warm-up, and 100 steps of
    32, left it (the latter with a letter NLL of 1.44, where chance is 3.91; 728 steps brought 0.69). PASSED
    therefore says only that the plan is not hopeless. Whether the job learned is for `check_loss_below_random` to say. Some
    jobs below the line would have learned too: at least 41 full-rate steps are asked however large the batch is.

    Args:
        plan: the job as configured.
        n_candidates: the largest N of a training task.

    Returns:
        PASSED, or FAILED with the first of: not-trained (no examples, or no step), no-trainable-parameters (0; None is
        unknown and passes), no-update (the largest rate that the job reaches is at most 1e-7, or under 1 % of the
        planned one because the warm-up is so long), under-trained (too few steps after warm-up; also where warm-up
        is as long as the run or longer).

    Raises:
        InvalidTaskError: n_candidates below 2.
        RerankGuardError: a learning rate, a count or a number of passes that is negative or not a finite number.
    """
    if n_candidates < 2:
        raise InvalidTaskError(f"n_candidates={n_candidates}: a ranking needs at least 2 candidates.")
    _require_sane(plan)
    steps = plan.steps if plan.n_examples > 0 and plan.examples_per_step > 0 else 0
    full_rate = max(0, steps - plan.warmup_steps)
    needed = LEAST_STEPS + math.ceil(SHOWINGS_A_LETTER * n_candidates / max(1, plan.examples_per_step))
    reached = plan.learning_rate * min(1.0, steps / plan.warmup_steps if plan.warmup_steps else 1.0)
    fault = _fault(plan, steps, reached, full_rate, needed)
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    if fault == "under-trained":
        cause, next_step = _too_few(plan, full_rate, needed)
    elif fault == "not-trained" and plan.epochs is None and plan.max_steps is None:
        cause = "The plan sets neither epochs nor max_steps, so it amounts to no optimiser step."
    figures: dict[str, Measured] = {
        "steps_at_full_rate": full_rate,
        "steps": steps,
        "warmup_steps": plan.warmup_steps,
        "examples_at_full_rate": full_rate * plan.examples_per_step,
        "highest_learning_rate": reached,
        "trainable_parameters": plan.trainable_parameters,
    }
    first = {
        "not-trained": "steps",
        "no-trainable-parameters": "trainable_parameters",
        "no-update": "highest_learning_rate",
    }.get(fault or "", "steps_at_full_rate")
    return Verdict(
        check="training_planned",
        status=Status.FAILED if fault else Status.PASSED,
        claim=(
            f"the planned job takes at least {needed} optimiser steps at its full learning rate, with weights to train and "
            "a rate that moves them"
        ),
        measured={first: figures.pop(first), **figures},
        threshold={
            "steps_at_full_rate": needed,
            "steps": 1,
            "trainable_parameters": 1,
            "highest_learning_rate": max(NEGLIGIBLE_LEARNING_RATE, _NEVER_NEAR * plan.learning_rate),
        },
        n=steps,
        evidence=_evidence(plan, steps, reached) if fault else (),
        cause=cause,
        next_step=next_step,
        fault=fault,
    )


def _require_sane(plan: TrainingPlan) -> None:
    for name in ("n_examples", "examples_per_step", "epochs", "max_steps", "warmup_steps", "learning_rate"):
        value = getattr(plan, name)
        if value is not None and not 0 <= value < math.inf:
            raise RerankGuardError(f"the training plan has {name}={value!r}; give a finite number from 0 on.")


def _fault(plan: TrainingPlan, steps: int, reached: float, full_rate: int, needed: int) -> str | None:
    """The first fault, in the order in which one hides the next."""
    if steps == 0:
        return "not-trained"
    if plan.trainable_parameters == 0:
        return "no-trainable-parameters"
    if reached <= NEGLIGIBLE_LEARNING_RATE or reached < _NEVER_NEAR * plan.learning_rate:
        return "no-update"
    return "under-trained" if full_rate < needed else None


def _too_few(plan: TrainingPlan, full_rate: int, needed: int) -> tuple[str, str]:
    taken = _counted(plan)
    if full_rate == 0:
        cause = f"The warm-up of {plan.warmup_steps} steps is longer than the run: {taken}. The full rate is never used."
    else:
        cause = (
            f"There are too few optimiser steps for the letters to leave chance: {taken}, and {plan.warmup_steps} of "
            f"them warm up, which leaves {full_rate} at the full rate."
        )
    # where the warm-up is most of the trouble, a shorter one is the cheaper way
    warmup = min(plan.warmup_steps, max(1, plan.steps // 10))
    least = warmup + needed
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


def _evidence(plan: TrainingPlan, steps: int, reached: float) -> tuple[str, ...]:
    rows = [f"{plan.n_examples:,} examples, epochs={plan.epochs}, max_steps={plan.max_steps}"]
    if steps:
        rows[0] = _counted(plan)
        rows.append(f"{min(plan.warmup_steps, steps)} of {steps} steps warm up (warmup_steps={plan.warmup_steps})")
        rows.append(f"learning rate: {plan.learning_rate:g} planned, {reached:g} reached")
    if plan.trainable_parameters is not None:
        rows.append(f"{plan.trainable_parameters:,} trainable parameters")
    return tuple(rows)
