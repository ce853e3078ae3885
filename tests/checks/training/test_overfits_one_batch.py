"""overfits_one_batch: a job that overfits a few examples passes; one that cannot is named, one that has not yet is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from guard.limits import missed
from rerank_guard.checks.training.overfits_one_batch import overfits_one_batch
from rerank_guard.core.errors import InvalidTraceError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.verdict import Status

STEPS, BATCH, N = 60, 4, 50
POSITIONS = np.tile([3, 17, 30, 44], STEPS)
PLAN = TrainingPlan(3200, 16, 1.0, None, 10, 1e-3)


def smoke(start, end, *, seed=0, positions=POSITIONS, rank=None, **more):
    """A loss that goes from `start` to `end` with noise."""
    path = np.linspace(start, end, STEPS).repeat(BATCH)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=len(path))
    trace = make_trace(np.maximum(path + noise, 0.0), n=N, steps=STEPS, target_index=positions, **more)
    return trace if rank is None else replace(trace, target_rank=np.full(len(path), float(rank)))


def level(nll, *, positions=POSITIONS, first=None):
    """A loss of exactly `nll` at all steps, or `first` in the first quarter."""
    losses = np.full(STEPS * BATCH, float(nll))
    if first is not None:
        losses[: STEPS * BATCH // 4] = first
    return make_trace(losses, n=N, steps=STEPS, target_index=positions)


SKIPPED = smoke(3.9, 2.0, gradient_norm=np.where(np.arange(STEPS) % 10, 1.0, np.nan))
"""Its losses are numbers, and every tenth gradient is none."""


def test_a_job_that_overfits_passes():
    verdict = overfits_one_batch(smoke(3.9, 0.1), PLAN)
    assert verdict.status is Status.PASSED
    assert verdict.threshold["letter_nll"] == pytest.approx(0.9 * np.log(4))
    assert verdict.threshold["chance_letter_nll"] == pytest.approx(np.log(N))
    assert verdict.measured["letter_nll"] < 1.0 < 3.0 < verdict.measured["letter_nll_at_start"]
    assert (verdict.fault, verdict.suspects) == (None, ())
    assert missed(verdict) == set()


@pytest.mark.parametrize(
    ("trace", "fault"),
    [
        (smoke(3.9, 0.1, trainable=0), "no-trainable-parameters"),
        (make_trace(np.zeros(0), n=N, steps=0), "not-trained"),
        (make_trace(np.full(40, 3.0), n=N, steps=0), "not-trained"),
        (smoke(3.9, 3.9, learning_rate=0.0), "no-update"),
        (smoke(3.9, 3.9, gradient_norm=np.zeros(STEPS)), "no-update"),
        (smoke(3.9, np.nan), "silent-nan"),
        (SKIPPED, "silent-nan"),
        (smoke(3.9, 0.1, learning_rate=5e-5), "config-ignored"),
        (smoke(3.9, 0.1, learning_rate=2e-3), "config-ignored"),
        (smoke(3.9, 11.0, rank=50), "anti-learning"),
        (smoke(3.9, 4.6, rank=50), "anti-learning"),
        (smoke(3.9, 11.0, rank=25.5), "diverged"),
        (smoke(3.9, 11.0), "diverged"),
    ],
)
def test_what_cannot_learn_fails_and_is_named(trace, fault):
    verdict = overfits_one_batch(trace, PLAN)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence
    assert (verdict.measured["letter_nll"] is None) is (
        fault in ("not-trained", "silent-nan") and trace is not SKIPPED
    )
    assert missed(verdict) == ({"letter_nll"} if fault in ("anti-learning", "diverged") else set())


@pytest.mark.parametrize(
    ("rate", "fault"), [(4.9e-4, "config-ignored"), (5e-4, None), (1.1e-3, None), (1.11e-3, "config-ignored")]
)
def test_the_rate_may_be_half_of_the_planned_one_and_a_tenth_above(rate, fault):
    assert overfits_one_batch(smoke(3.9, 0.1, learning_rate=rate), PLAN).fault == fault


@pytest.mark.parametrize(("rate", "fault"), [(1e-8, "no-update"), (1e-7, "no-update"), (1.1e-7, None)])
def test_without_a_plan_a_rate_is_only_too_small(rate, fault):
    assert overfits_one_batch(smoke(3.9, 3.9, learning_rate=rate)).fault == fault
    assert overfits_one_batch(smoke(3.9, 0.1, learning_rate=2e-3)).status is Status.PASSED


@pytest.mark.parametrize(
    "trace",
    [
        smoke(3.9, 3.9, rank=25.5),  # no gradient reaches what matters
        smoke(4.2, 4.2, rank=45),  # a base that ranks just these low, and learns nothing
        smoke(3.9, 1.39),  # the batch's letters alone: nothing of the prompt
        smoke(3.9, 2.2),  # on its way
        smoke(3.9, 2.5, positions=None),
    ],
)
def test_what_has_not_learned_yet_is_open(trace):
    verdict = overfits_one_batch(trace, PLAN)
    assert verdict.status is Status.INCONCLUSIVE
    assert (verdict.fault, verdict.suspects) == (None, ())
    assert len(verdict.evidence) == 4
    assert verdict.measured["optimizer_steps"] == 60
    assert verdict.cause
    assert verdict.next_step
    assert missed(verdict) == {"letter_nll"}


def test_the_loss_runs_away_above_125_percent_of_chance_and_of_the_start():
    chance = float(np.log(N))
    assert overfits_one_batch(level(1.26 * chance, first=chance)).fault == "diverged"
    assert overfits_one_batch(level(1.24 * chance, first=chance)).status is Status.INCONCLUSIVE
    assert overfits_one_batch(level(1.26 * chance, first=1.1 * chance)).status is Status.INCONCLUSIVE


def test_ranks_below_chance_are_looked_at_only_after_a_rise_of_a_tenth_of_log_n():
    low = np.full(STEPS * BATCH, 50.0)
    chance = float(np.log(N))
    for rise, fault in ((0.09, None), (0.11, "anti-learning")):
        trace = replace(level((1.01 + rise) * chance, first=1.01 * chance), target_rank=low)
        assert overfits_one_batch(trace).fault == fault


def test_without_positions_log_n_is_the_measure():
    verdict = overfits_one_batch(smoke(3.9, 1.0, positions=None))
    assert verdict.status is Status.PASSED
    assert verdict.threshold["letter_nll"] == pytest.approx(0.5 * np.log(N))


def test_examples_of_one_letter_say_nothing_by_their_letter():
    same = np.full(STEPS * BATCH, 7)
    verdict = overfits_one_batch(smoke(3.9, 0.0, positions=same))
    assert verdict.threshold["letter_nll"] == pytest.approx(0.5 * np.log(N))


def test_settings_move_the_bound():
    entropy, chance = float(np.log(4)), float(np.log(N))
    for share in (0.5, 0.95):
        for shift, status in ((-0.01, Status.PASSED), (0.01, Status.INCONCLUSIVE)):
            assert overfits_one_batch(level(share * entropy + shift), share_of_entropy=share).status is status
            without = level(share * chance + shift, positions=None)
            assert overfits_one_batch(without, share_of_chance=share).status is status
    assert overfits_one_batch(level(0.0), share_of_entropy=0.1, share_of_chance=0.1).status is Status.PASSED
    with pytest.raises(RerankGuardError, match=r"share_of_entropy=1\.1"):
        overfits_one_batch(level(1.0), share_of_entropy=1.1)
    with pytest.raises(RerankGuardError, match=r"share_of_chance=1\.1"):
        overfits_one_batch(level(1.0), share_of_chance=1.1)
    with pytest.raises(RerankGuardError, match=r"share_of_chance=-0\.1"):
        overfits_one_batch(level(1.0), share_of_chance=-0.1)


def test_two_candidates_are_enough():
    verdict = overfits_one_batch(make_trace(np.full(40, 0.01), n=2, steps=10, target_index=np.tile([0, 1], 20)))
    assert verdict.status is Status.PASSED
    assert verdict.threshold["letter_nll"] == pytest.approx(0.9 * np.log(2))


def test_a_job_of_fewer_than_four_steps_is_judged_by_its_first_and_last():
    nll = np.repeat([3.9, 0.1], 8)
    verdict = overfits_one_batch(make_trace(nll, n=N, steps=2, target_index=np.tile([3, 17, 30, 44], 4)))
    assert verdict.status is Status.PASSED
    assert (verdict.measured["letter_nll_at_start"], verdict.measured["letter_nll"]) == pytest.approx((3.9, 0.1))


def test_impossible_traces_are_errors():
    with pytest.raises(InvalidTraceError, match="recorded no example"):
        overfits_one_batch(make_trace(np.zeros(0), n=N, steps=5))
    with pytest.raises(InvalidTraceError, match="fewer than 2 candidates"):
        overfits_one_batch(make_trace(np.zeros(10), n=1, steps=5))
