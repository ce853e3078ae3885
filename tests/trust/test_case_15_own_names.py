"""Case 15: probabilities that do not sum to 1 have a name of their own."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from rerank_guard.checks.scoring.calibrated import calibrated
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.suite import RunSettings, check_reranker


def of_vocabulary(row):
    """A softmax over the candidates' logits and 50 others'."""
    odds = np.exp(row - row.max())
    return odds / (odds.sum() + 50.0)


READINGS = {
    "whole-vocabulary": of_vocabulary,
    "sigmoids": lambda row: 1.0 / (1.0 + np.exp(-row)),
    "not-divided": lambda row: np.exp(row - row.max()),
    "of-a-part": lambda row: 0.9 * np.exp(row) / np.exp(row).sum(),
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS.keys())
@pytest.mark.parametrize("n", [2, 20, 50])
def test_probabilities_that_do_not_sum_to_1_are_named_so(read, n):
    rng = np.random.default_rng(n)
    tasks = random_tasks(rng, [n] * 100)
    rows = [read(row) for row in noisy_scores(tasks, rng, 2.0)]
    for check in (probabilities_not_uniform, calibrated):
        verdict = check(rows, tasks)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "probabilities-not-normalised")
        assert verdict.measured["users_off_a_sum_of_1"] > 50


def test_rounding_passes():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20] * 200)
    rows = [np.exp(row) / np.exp(row).sum() for row in noisy_scores(tasks, rng, 3.0)]
    for change in (np.float16, lambda row: row.round(3), lambda row: 0.995 * row):
        assert probabilities_not_uniform([change(row) for row in rows], tasks).status is Status.PASSED


@pytest.mark.parametrize("read", [of_vocabulary, READINGS["sigmoids"]], ids=["whole-vocabulary", "sigmoids"])
def test_the_diagnosis_has_that_name(read):
    trained = TrainedOnce(make_healthy(0))
    broken = Wrapped(trained, predict_proba=lambda tasks: [read(row) for row in trained.score(tasks)])
    report = check_reranker(broken, RunSettings(seed=0))
    assert report.diagnosis.fault == "probabilities-not-normalised"
    assert str(report.diagnosis.certainty) == "seen"
