"""generalizes_to_held_out: a ranking that is lost between the job and the scores fails, however confident either was."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, make_trace, noisy_scores, random_tasks
from rerank_guard.checks.quality.generalizes_to_held_out import generalizes_to_held_out
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

N = 20


def job(signal: float, *, examples: int = 1600, seed: int = 0, n: int = N):
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


@pytest.mark.parametrize("signal", [0.5, 2.0])
def test_a_ranking_that_arrives_passes(signal):
    verdict = generalizes_to_held_out(job(signal), *held_out(signal))
    assert verdict.status is Status.PASSED
    assert verdict.measured["ranked_above"] == pytest.approx(verdict.measured["ranked_above_in_training"], abs=0.05)


def test_harder_tasks_pass():
    assert generalizes_to_held_out(job(1.0), *held_out(0.6)).status is Status.PASSED


@pytest.mark.parametrize("signal", [0.0, -1.0])
def test_a_ranking_that_is_lost_fails(signal):
    verdict = generalizes_to_held_out(job(1.0), *held_out(signal))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "lost-after-training"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.cause
    assert verdict.next_step
    assert verdict.p_failed <= 1e-6


def test_level_scores_are_chance():
    _, tasks = held_out(1.0)
    verdict = generalizes_to_held_out(job(1.0), [np.zeros(N)] * len(tasks), tasks)
    assert verdict.status is Status.FAILED
    assert verdict.measured["ranked_above"] == pytest.approx(0.5)


def test_lists_of_other_lengths_are_comparable():
    rng = np.random.default_rng(5)
    tasks = random_tasks(rng, rng.integers(5, 30, size=500).tolist())
    assert generalizes_to_held_out(job(1.0), noisy_scores(tasks, rng, 1.0), tasks).status is Status.PASSED
    assert generalizes_to_held_out(job(1.0), noisy_scores(tasks, rng, 0.0), tasks).status is Status.FAILED


def test_how_confident_the_model_is_has_no_effect():
    scores, tasks = held_out(1.0)
    assert generalizes_to_held_out(job(1.0), [1e3 * row for row in scores], tasks).status is Status.PASSED


@pytest.mark.parametrize(
    "trace", [make_trace(chance_nll(np.random.default_rng(0), 3200)), job(0.0), job(2.0, examples=60)]
)
def test_without_a_ranking_to_lose_it_is_not_applicable(trace):
    verdict = generalizes_to_held_out(trace, *held_out(0.0))
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.cause


def test_few_users_or_examples_are_not_judged():
    trace, held = job(2.0), held_out(0.0, users=49)
    assert generalizes_to_held_out(trace, *held).status is Status.NOT_APPLICABLE
    assert generalizes_to_held_out(trace, *held, min_examples=49).status is Status.PASSED
    assert (
        generalizes_to_held_out(job(2.0, examples=98), *held, min_examples=49).status is not Status.NOT_APPLICABLE
    )
    assert generalizes_to_held_out(job(2.0, examples=96), *held, min_examples=49).status is Status.NOT_APPLICABLE


def test_targets_that_are_not_listed_are_left_out():
    scores, tasks = held_out(1.0)
    tasks = [replace(task, target_id="elsewhere") if i < 100 else task for i, task in enumerate(tasks)]
    verdict = generalizes_to_held_out(job(1.0), scores, tasks)
    assert (verdict.status, verdict.n) == (Status.PASSED, 400)


def test_a_share_that_has_to_be_there_is_a_setting():
    trace, held = job(1.0), held_out(0.6)
    assert generalizes_to_held_out(trace, *held, share=0.5, alpha=1e-3).status is Status.PASSED
    strict = generalizes_to_held_out(trace, *held, share=0.95, alpha=1e-3)
    assert (strict.status, strict.fault) == (Status.FAILED, "lost-after-training")
    assert strict.measured["ranked_above"] < strict.threshold["ranked_above"]


def test_the_limit_is_that_of_the_bet():
    verdict = generalizes_to_held_out(job(1.0), *held_out(0.0))
    assert verdict.signs == {"log10_e_value": "<"}
    assert verdict.threshold["log10_e_value"] == pytest.approx(math.log10(2e6))
    assert verdict.measured["log10_e_value"] >= verdict.threshold["log10_e_value"]
    assert verdict.threshold["chance"] == 0.5


def test_a_table_is_judged_as_its_tasks():
    scores, tasks = held_out(1.0, users=100)
    trace = job(1.0)
    assert generalizes_to_held_out(trace, scores, tasks) == generalizes_to_held_out(
        trace, scores, TaskTable.of(tasks)
    )


def test_bad_arguments_are_refused_by_name():
    scores, tasks = held_out(1.0, users=60)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        generalizes_to_held_out(job(1.0), [], [])
    with pytest.raises(InvalidScoresError, match="60 users"):
        generalizes_to_held_out(job(1.0), scores[1:], tasks)
    with pytest.raises(RerankGuardError, match="share=1"):
        generalizes_to_held_out(job(1.0), scores, tasks, share=1.0)
    with pytest.raises(RerankGuardError, match="alpha=0"):
        generalizes_to_held_out(job(1.0), scores, tasks, alpha=0.0)
