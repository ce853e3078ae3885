"""Case 12: probabilities that are flat by their scale alone are no sign of too little training."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.suite import RunSettings, check_reranker


def softmax(row, temperature=1.0):
    odds = np.exp((row - row.max()) / temperature)
    return odds / odds.sum()


def sigmoid(row):
    return 1.0 / (1.0 + np.exp(-row))


@pytest.fixture(scope="module")
def trained():
    return TrainedOnce(make_healthy(0))


@pytest.mark.parametrize("temperature", [10.0, 100.0, 1000.0])
def test_a_temperature_on_the_probabilities_is_not_under_training(trained, temperature):
    def predict_proba(tasks):
        return [softmax(row, temperature) for row in trained.score(tasks)]

    report = check_reranker(Wrapped(trained, predict_proba=predict_proba), RunSettings(seed=0))
    assert report.ok, report.diagnosis


@pytest.mark.parametrize(("n_tasks", "n"), [(200, 20), (300, 5), (100, 50), (500, 2)])
@pytest.mark.parametrize(
    "read",
    [
        lambda row: softmax(sigmoid(row)),
        lambda row: softmax(row, 100.0),
        lambda row: softmax(row / 1e4),
        lambda row: softmax(sigmoid(sigmoid(row))),
    ],
    ids=["sigmoids", "hot", "small", "sigmoid-twice"],
)
def test_what_says_something_on_a_small_scale_is_not_uniform(n_tasks, n, read):
    rng = np.random.default_rng(n)
    tasks = random_tasks(rng, [n] * n_tasks)
    rows = [read(row) for row in noisy_scores(tasks, rng, 3.0)]
    verdict = probabilities_not_uniform(rows, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["entropy_deficit"] < 0.06
    assert probabilities_not_uniform(rows).status is not Status.PASSED or verdict.measured["entropy_deficit"] > 0.01


@pytest.mark.parametrize(("n_tasks", "n"), [(200, 20), (300, 5), (100, 50), (500, 2)])
@pytest.mark.parametrize("scale", [0.02, 0.001])
def test_flat_probabilities_that_know_nothing_still_fail(n_tasks, n, scale):
    rng = np.random.default_rng(n)
    tasks = random_tasks(rng, [n] * n_tasks)
    rows = [softmax(scale * row) for row in noisy_scores(tasks, rng, 0.0)]
    verdict = probabilities_not_uniform(rows, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "no-signal")


def test_a_position_prior_that_suits_skewed_targets_still_fails():
    """It says something of the targets, and nothing of what is in the prompt."""
    rng = np.random.default_rng(0)
    tasks = [task for task in random_tasks(rng, [20] * 2000) if task.target_index < 4][:300]
    prior = softmax(0.05 * np.linspace(3.0, -3.0, 20))
    verdict = probabilities_not_uniform([prior * (1.0 + 1e-6 * rng.normal(size=20)) for _ in tasks], tasks)
    assert verdict.status is Status.FAILED


def test_no_job_ran_so_none_was_too_short(trained):
    """Without a job, a ranking that is barely better than chance is not put down to one."""
    rng = np.random.default_rng(3)
    tasks = random_tasks(rng, [20] * 3000)
    scores = noisy_scores(tasks, rng, 0.25)

    class ScoresAlone:
        name = "scores alone"
        cutoffs = (5,)

        def tasks(self):
            return tasks

        def score(self, asked):
            return [scores[int(task.query_id.removeprefix("user-"))] for task in asked]

    report = check_reranker(ScoresAlone(), RunSettings(seed=0))
    assert report.diagnosis is None or report.diagnosis.fault != "under-trained"
