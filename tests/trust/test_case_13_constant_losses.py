"""Case 13: losses that come again unchanged are those of weights that do not move, whatever the order of the examples."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_trace
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.checks.training.overfits_one_batch import overfits_one_batch
from rerank_guard.core.verdict import Status

N = 20
ORDERS = {
    "in-turn": lambda rng, own, times: np.tile(own, times),
    "shuffled": lambda rng, own, times: np.concatenate([rng.permutation(own) for _ in range(times)]),
    "hard-ones-last": lambda rng, own, times: np.concatenate(
        [np.repeat(np.sort(own), times // 2), np.repeat(np.sort(own), times - times // 2)]
    ),
}


def own_losses(rng, examples, level):
    return np.abs(level * np.log(N) + rng.normal(scale=1.5, size=examples)) + 0.01


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("examples", [2, 8, 32])
@pytest.mark.parametrize("level", [1.0, 2.5])
def test_constant_losses_in_one_batch_are_no_update(order, examples, level):
    if examples == 2 and order is ORDERS["hard-ones-last"]:
        pytest.skip("its last quarter is one example's, whose loss might be any model's")
    rng = np.random.default_rng(examples)
    losses = order(rng, own_losses(rng, examples, level), 40)
    verdict = overfits_one_batch(make_trace(losses, n=N, steps=40))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "no-update")


@pytest.mark.parametrize("passes", [2, 3, 6])
@pytest.mark.parametrize("level", [1.3, 2.5])
def test_constant_losses_of_a_whole_job_are_no_update(passes, level):
    rng = np.random.default_rng(passes)
    own = own_losses(rng, 400, level)
    losses = np.concatenate([rng.permutation(own) for _ in range(passes)])
    first = np.arange(len(losses)) < 400
    verdict = loss_below_random(make_trace(losses, n=N, steps=200, first_pass=first))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "no-update")


@pytest.mark.parametrize("seed", range(20))
def test_a_confident_base_that_is_not_trained_has_not_diverged(seed):
    """One pass over other examples each: they spread, and do not rise. The targets are independent of the logits."""
    rng = np.random.default_rng(seed)
    logits = 3.0 * rng.normal(size=(320, N))
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[:, 0]
    verdict = loss_below_random(make_trace(losses, n=N, steps=320))
    assert verdict.status is Status.FAILED
    assert verdict.fault != "diverged"


@pytest.mark.parametrize("examples", [2, 8, 32])
def test_a_loss_that_runs_away_is_still_a_divergence(examples):
    rng = np.random.default_rng(examples)
    path = np.linspace(1.0, 5.0, 40 * examples)
    verdict = overfits_one_batch(make_trace(np.tile(own_losses(rng, examples, 1.0), 40) * path, n=N, steps=40))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")


@pytest.mark.parametrize("examples", [2, 8, 32])
def test_a_batch_that_is_overfitted_passes(examples):
    rng = np.random.default_rng(examples)
    fall = np.exp(-np.arange(40 * examples) / (5.0 * examples))
    losses = np.tile(own_losses(rng, examples, 1.0), 40) * fall
    assert overfits_one_batch(make_trace(losses, n=N, steps=40)).status is Status.PASSED


@pytest.mark.parametrize("rounded", [np.float16, lambda row: row.round(3), lambda row: row.round(2)])
def test_coarse_losses_that_repeat_by_themselves_say_nothing(rounded):
    rng = np.random.default_rng(0)
    losses = np.asarray(rounded(np.log(N) + rng.normal(scale=0.01, size=640)), dtype=np.float64)
    assert overfits_one_batch(make_trace(losses, n=N, steps=40)).status is Status.INCONCLUSIVE


def test_one_loss_for_all_is_not_named_by_its_repeats():
    assert overfits_one_batch(make_trace(np.full(640, np.log(N)), n=N, steps=40)).fault != "no-update"
