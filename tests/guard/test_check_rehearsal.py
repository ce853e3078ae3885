"""one_batch_learned: a job that learns a few examples by heart passes; one that cannot is named, one that has not yet is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from rerank_guard.checks.rehearsal import check_one_batch_learned
from rerank_guard.errors import InvalidTraceError
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.verdict import Status

STEPS, BATCH, N = 60, 4, 50
SLOTS = np.tile([3, 17, 30, 44], STEPS)
PLAN = TrainingPlan(3200, 16, 1.0, None, 10, 1e-3)


def rehearsed(start: float, end: float, *, seed: int = 0, slots=SLOTS, rank=None, **more):
    """A loss that goes from `start` to `end` with noise."""
    path = np.linspace(start, end, STEPS).repeat(BATCH)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=len(path))
    trace = make_trace(np.maximum(path + noise, 0.0), n=N, steps=STEPS, target_index=slots, **more)
    return trace if rank is None else replace(trace, target_rank=np.full(len(path), float(rank)))


def test_a_job_that_learns_by_heart_passes():
    verdict = check_one_batch_learned(rehearsed(3.9, 0.1), PLAN)
    assert verdict.status is Status.PASSED
    assert verdict.threshold["letter_nll"] == pytest.approx(0.9 * np.log(4))
    assert verdict.fault is None


@pytest.mark.parametrize(
    ("trace", "fault"),
    [
        (rehearsed(3.9, 0.1, trainable=0), "no-trainable-parameters"),
        (make_trace(np.zeros(0), n=N, steps=0), "not-trained"),
        (rehearsed(3.9, 3.9, learning_rate=0.0), "no-update"),
        (rehearsed(3.9, 3.9, gradient_norm=np.zeros(STEPS)), "no-update"),
        (rehearsed(3.9, np.nan), "silent-nan"),
        (rehearsed(3.9, 2.0, gradient_norm=np.where(np.arange(STEPS) % 10, 1.0, np.nan)), "silent-nan"),
        (rehearsed(3.9, 0.1, learning_rate=5e-5), "config-ignored"),
        (rehearsed(3.9, 0.1, learning_rate=2e-3), "config-ignored"),
        (rehearsed(3.9, 11.0, rank=50), "anti-learning"),
        (rehearsed(3.9, 4.6, rank=50), "anti-learning"),
        (rehearsed(3.9, 11.0, rank=25.5), "diverged"),
        (rehearsed(3.9, 11.0), "diverged"),
    ],
)
def test_what_cannot_learn_fails_and_is_named(trace, fault):
    verdict = check_one_batch_learned(trace, PLAN)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence


def test_a_rate_too_small_without_a_plan():
    assert check_one_batch_learned(rehearsed(3.9, 3.9, learning_rate=1e-8)).fault == "no-update"


@pytest.mark.parametrize(
    "trace",
    [
        rehearsed(3.9, 3.9, rank=25.5),  # no gradient reaches what matters
        rehearsed(4.2, 4.2, rank=45),  # a base that ranks just these low, and learns nothing
        rehearsed(3.9, 1.39),  # the batch's letters alone: nothing of the prompt
        rehearsed(3.9, 2.2),  # on its way
        rehearsed(3.9, 2.5, slots=None),
    ],
)
def test_what_has_not_learned_yet_is_open(trace):
    verdict = check_one_batch_learned(trace, PLAN)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.fault is None
    assert len(verdict.evidence) == 4
    assert "60 steps" in verdict.cause


def test_without_slots_log_n_is_the_measure():
    verdict = check_one_batch_learned(rehearsed(3.9, 1.0, slots=None))
    assert verdict.status is Status.PASSED
    assert verdict.threshold["letter_nll"] == pytest.approx(0.5 * np.log(N))


def test_examples_of_one_letter_say_nothing_by_their_letter():
    same = np.full(STEPS * BATCH, 7)
    assert check_one_batch_learned(rehearsed(3.9, 0.0, slots=same)).threshold["letter_nll"] == pytest.approx(
        0.5 * np.log(N)
    )


def test_steps_without_examples_are_refused():
    with pytest.raises(InvalidTraceError, match="recorded no example"):
        check_one_batch_learned(make_trace(np.zeros(0), n=N, steps=5))
