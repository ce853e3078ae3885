"""ranking_carries_over: a ranking that is lost between the job and the scores is seen, however confident either was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, make_trace, noisy_scores, random_tasks
from rerank_guard.checks.carries_over import check_ranking_carries_over
from rerank_guard.verdict import Status

N = 50


def job(signal: float, *, examples: int = 3200, seed: int = 0, n: int = N):
    """A trace whose targets are ranked as by normal scores, the target's raised by `signal`."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(examples, n))
    scores[:, 0] += signal
    rank = 1.0 + (scores[:, 1:] > scores[:, :1]).sum(axis=1)
    return replace(make_trace(chance_nll(rng, examples, n), n=n), target_rank=rank)


def held_out(signal: float, *, users: int = 500, seed: int = 1, n: int = N):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * users)
    return noisy_scores(tasks, rng, signal), tasks


@pytest.mark.parametrize("signal", [0.5, 1.0, 2.0])
def test_a_ranking_that_arrives_passes(signal):
    verdict = check_ranking_carries_over(job(signal), *held_out(signal))
    assert verdict.status is Status.PASSED
    assert verdict.measured["ranked_above"] == pytest.approx(verdict.measured["ranked_above_in_training"], abs=0.05)


def test_harder_tasks_are_let_pass():
    assert check_ranking_carries_over(job(1.0), *held_out(0.6)).status is Status.PASSED


@pytest.mark.parametrize("signal", [0.0, 0.1, -1.0])
def test_a_ranking_that_is_lost_fails(signal):
    verdict = check_ranking_carries_over(job(1.0), *held_out(signal))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "lost-after-training"
    assert "lost between training and scoring" in verdict.cause
    assert verdict.next_step
    assert verdict.p_failed <= 1e-6


def test_level_scores_are_chance():
    _, tasks = held_out(1.0)
    verdict = check_ranking_carries_over(job(1.0), [np.zeros(N)] * len(tasks), tasks)
    assert verdict.status is Status.FAILED
    assert verdict.measured["ranked_above"] == pytest.approx(0.5)


def test_lists_of_other_lengths_are_comparable():
    rng = np.random.default_rng(5)
    tasks = random_tasks(rng, rng.integers(5, 30, size=500).tolist())
    assert check_ranking_carries_over(job(1.0), noisy_scores(tasks, rng, 1.0), tasks).status is Status.PASSED
    assert check_ranking_carries_over(job(1.0), noisy_scores(tasks, rng, 0.0), tasks).status is Status.FAILED


def test_how_sure_the_model_is_plays_no_part():
    scores, tasks = held_out(1.0)
    assert check_ranking_carries_over(job(1.0), [1e3 * row for row in scores], tasks).status is Status.PASSED


@pytest.mark.parametrize(
    "trace", [make_trace(chance_nll(np.random.default_rng(0), 3200)), job(0.0), job(2.0, examples=60)]
)
def test_without_a_ranking_to_lose_it_stands_aside(trace):
    verdict = check_ranking_carries_over(trace, *held_out(0.0))
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.cause


def test_few_users_are_not_judged():
    assert check_ranking_carries_over(job(2.0), *held_out(0.0, users=20)).status is Status.NOT_APPLICABLE


def test_targets_that_are_not_listed_are_left_out():
    scores, tasks = held_out(1.0)
    tasks = [replace(task, target_id="elsewhere") if i < 100 else task for i, task in enumerate(tasks)]
    verdict = check_ranking_carries_over(job(1.0), scores, tasks)
    assert (verdict.status, verdict.n) == (Status.PASSED, 400)


def test_a_ranking_at_the_edge_is_failed_less_often_than_it_says():
    """Held-out rankings that keep just half of the gain: at 1e-6 none of 300 draws may fail."""
    trace = job(1.0)
    least = check_ranking_carries_over(trace, *held_out(1.0)).threshold["ranked_above"]
    rng = np.random.default_rng(9)
    failed = 0
    for _ in range(300):
        tasks = random_tasks(rng, [N] * 200)
        # the target stands above a share of the others that is `least` on average
        scores = []
        for task in tasks:
            others = rng.binomial(N - 1, min(1.0, max(0.0, rng.normal(least, 0.15))))
            row = rng.permutation(N - 1).astype(np.float64)
            scores.append(np.insert(row, task.target_index, others - 0.5))
        failed += check_ranking_carries_over(trace, scores, tasks).status is Status.FAILED
    assert failed == 0
