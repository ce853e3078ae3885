"""Case 35: the whole schedule of the learning rate is compared with the plan, not its peak alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from rerank_guard.checks.training.config_obeyed import config_obeyed
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.verdict import Status

PEAK = 2e-4


def plan_of(steps, warmup, batch=16):
    return TrainingPlan(steps * batch, batch, 1.0, None, warmup, PEAK)


def linear(share):
    return max(0.0, 1.0 - share)


def cosine(share):
    return 0.5 * (1.0 + math.cos(math.pi * share))


def held(shape):
    return lambda share: shape(min(1.0, share))


def to_a_floor(share):
    return 0.1 + 0.9 * cosine(min(1.0, share))


def restarts(share):
    return cosine((3.0 * share) % 1.0)


SHAPES = {
    "constant": lambda share: 1.0,
    "linear": linear,
    "cosine": cosine,
    "cosine to a floor": to_a_floor,
    "cosine with restarts": restarts,
    "steps": lambda share: 0.1 ** int(3 * share),
    "inverse square root": lambda share: 1.0 / math.sqrt(1.0 + 8.0 * share),
    "polynomial": lambda share: linear(share) ** 2,
    "stable, then down": lambda share: min(1.0, 5.0 * linear(share)),
    "exponential": lambda share: math.exp(-5.0 * share),
}


def ran(shape, steps, warmup, *, pace=1.0, taken=None, shift=0, stopped=False):
    """A job that took `taken` of its planned steps, with a schedule at `pace` times the planned one."""
    taken = steps if taken is None else taken
    rates = []
    for step in range(taken):
        at = pace * (step + shift)
        rates.append(at / warmup if at < warmup else shape((at - warmup) / max(1, steps - warmup)))
    trace = make_trace(np.full(taken * 16, 2.0), n=20, steps=taken, planned=steps)
    return replace(trace, learning_rate=PEAK * np.array(rates), stopped_early=stopped)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("steps", "warmup"), [(200, 0), (200, 20), (60, 6), (1000, 100), (51, 20), (300, 3)])
@pytest.mark.parametrize("shift", [0, 1])
def test_healthy_schedules_pass(shape, steps, warmup, shift):
    verdict = config_obeyed(plan_of(steps, warmup), ran(SHAPES[shape], steps, warmup, shift=shift))
    assert verdict.status is Status.PASSED, verdict.evidence


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_job_that_was_ended_early_passes(shape, share):
    trace = ran(SHAPES[shape], 400, 20, taken=int(400 * share), stopped=True)
    verdict = config_obeyed(plan_of(400, 20), trace)
    assert verdict.status is Status.PASSED, verdict.evidence


@pytest.mark.parametrize("shape", [linear, held(cosine), cosine], ids=["linear", "cosine, then 0", "cosine"])
@pytest.mark.parametrize("accumulation", [2, 3, 4, 8, 16])
@pytest.mark.parametrize(("steps", "warmup"), [(200, 0), (200, 20), (800, 8), (100, 10)])
def test_a_scheduler_that_is_advanced_with_each_micro_batch_is_seen(shape, accumulation, steps, warmup):
    verdict = config_obeyed(plan_of(steps, warmup), ran(shape, steps, warmup, pace=accumulation))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")


@pytest.mark.parametrize("accumulation", [2, 4, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_so_is_it_by_its_warm_up_whatever_the_schedule(shape, accumulation):
    verdict = config_obeyed(plan_of(400, 40), ran(held(SHAPES[shape]), 400, 40, pace=accumulation))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")


@pytest.mark.parametrize("end", [0.4, 0.6, 0.8, 0.9])
@pytest.mark.parametrize("shape", [linear, held(cosine)], ids=["linear", "cosine"])
def test_a_schedule_that_ends_before_the_job_is_seen(shape, end):
    verdict = config_obeyed(plan_of(400, 10), ran(lambda share: shape(share / end), 400, 10))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")
    assert "steps_with_a_learning_rate" in verdict.cause


@pytest.mark.parametrize("warmup", [0, 5, 120])
def test_another_warm_up_than_planned_is_seen(warmup):
    verdict = config_obeyed(plan_of(400, 40), ran(linear, 400, warmup))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")
    assert "warmup_steps" in verdict.cause
