"""What the job did beside what its plan says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.traces import BATCH, job_of, learning_nll, nll_trace
from benchmarks.trust.world import cross_encoder, letters, letters_with, tasks

from rerank_guard.core.prompts import TrainingPrompt
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import RankingTask, TrainingTrace


def _changed_plan(**changes: Any) -> Callable[[int], Asked]:
    """The packaged job under a plan that says something else."""

    def build(seed: int) -> Asked:
        plan = replace(letters(seed).training_plan(), **changes)
        return Asked(letters_with(seed, training_plan=lambda: plan))

    return build


def _run_of(
    examples: int, plan: TrainingPlan, rates: Callable[[int, int], float] | None = None
) -> Callable[[int], Asked]:
    """A cross-encoder whose job saw so many examples of 1,600, at these rates (step, steps)."""

    def build(seed: int) -> Asked:
        ids = [index % 1600 for index in range(examples)]
        trace = nll_trace(learning_nll(np.full(examples, 20), seed), 20, ids)
        trace = replace(trace, planned_steps=plan.steps)
        if rates is not None:
            steps = len(trace.learning_rate)
            trace = replace(trace, learning_rate=np.array([rates(step, steps) for step in range(steps)]))
        training = tasks(1600, 20, seed + 80, prefix="train")
        return Asked(
            cross_encoder(
                tasks(400, 20, seed),
                train=job_of(trace),
                training_plan=lambda: plan,
                training_tasks=lambda: training,
            )
        )

    return build


def _plan(epochs: float = 2.0, warmup: int = 5) -> TrainingPlan:
    return TrainingPlan(1600, BATCH, epochs, None, warmup, 1e-4, 10_000)


def _shown(change: Callable[[RankingTask, int], RankingTask]) -> Callable[[int], Asked]:
    """Training prompts that are made of changed tasks."""

    def build(seed: int) -> Asked:
        def prompts(given: Sequence[RankingTask]) -> list[TrainingPrompt]:
            return list(letters(seed).training_prompts([change(task, index) for index, task in enumerate(given)]))

        return Asked(letters_with(seed, training_prompts=prompts))

    return build


def _shuffled(task: RankingTask, index: int) -> RankingTask:
    order = np.random.default_rng(index).permutation(len(task.history))
    return replace(task, history=tuple(task.history[place] for place in order))


def _early(rate: float) -> Callable[[int, int], float]:
    """Warm-up, then the rate, and 0 from the middle on."""
    return lambda step, steps: rate * min(1.0, (step + 1) / 5.0) if step < steps // 2 else 0.0


def _cosine(step: int, steps: int) -> float:
    return float(1e-4 * min(1.0, (step + 1) / 5.0) * 0.5 * (1.0 + np.cos(np.pi * step / steps)))


def _stopped(seed: int) -> Asked:
    """Ended early because its verdicts were in, and says so."""
    plan = _plan()
    trace = nll_trace(learning_nll(np.full(1600, 20), seed), 20, list(range(1600)))
    trace = replace(trace, planned_steps=plan.steps, stopped_early=True)
    kept: TrainingTrace = trace
    return Asked(cross_encoder(tasks(400, 20, seed), train=job_of(kept), training_plan=lambda: plan))


_IGNORED = fault("config-ignored")

CASES = (
    Case(
        35,
        "training prompts with shuffled histories",
        _shown(_shuffled),
        fault("prompt-skew"),
        sibling=False,
        fast=True,
    ),
    Case(
        35, "the schedule ends after half of its steps", _run_of(1600, _plan()), _IGNORED, sibling=False, fast=True
    ),
    Case(35, "it steps twice as often as planned", _run_of(6400, _plan()), _IGNORED, sibling=False),
    Case(
        35,
        "the learning rate is 0 from the middle of the job on",
        _run_of(3200, _plan(), _early(1e-4)),
        fault("config-ignored", "no-update", "under-trained"),
        sibling=False,
    ),
    Case(35, "warm-up of 100 steps in the plan, of 5 in the job", _run_of(3200, _plan(warmup=100)), _IGNORED),
    Case(35, "letters: 200 steps run, 320 planned", _changed_plan(max_steps=320), _IGNORED),
    Case(35, "letters: 16 examples a step run, 64 planned", _changed_plan(examples_per_step=64), _IGNORED),
    Case(
        35,
        "training prompts whose history is reversed",
        _shown(lambda task, index: replace(task, history=task.history[::-1])),
        fault("prompt-skew"),
    ),
    Case(35, "healthy: cosine decay over the whole job", _run_of(3200, _plan(), _cosine), silent()),
    Case(35, "healthy: ended early because its verdicts were in", _stopped, silent()),
)
