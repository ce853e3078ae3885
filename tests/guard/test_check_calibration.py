"""calibrated: probabilities that promise far too much fail, and those that keep their word or more pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, random_tasks
from rerank_guard.checks.calibration import check_calibrated
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.verdict import Status


def drawn(users=500, n=20, *, sharp=2.0, heat=1.0, seed=0):
    """Tasks whose targets are drawn from a softmax, and that softmax at another temperature (heat above 1: bolder)."""
    rng = np.random.default_rng(seed)
    tasks, rows = [], []
    for user in range(users):
        logits = sharp * rng.normal(size=n)
        tasks.append(make_task(int(rng.choice(n, p=letter_probabilities(logits))), n, user=user))
        rows.append(letter_probabilities(heat * logits))
    return tasks, rows


@pytest.mark.parametrize("n", [2, 20])
@pytest.mark.parametrize("heat", [0.0, 0.3, 1.0, 1.2])
@pytest.mark.parametrize("sharp", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_that_keep_their_word_pass(seed, sharp, heat, n):
    verdict = check_calibrated(*reversed(drawn(n=n, sharp=sharp, heat=heat, seed=seed)))
    assert verdict.status is Status.PASSED


def test_the_measures_are_those_of_the_definition():
    tasks = [make_task(slot, 2, user=u) for u, slot in enumerate([0, 0, 0, 1])]
    rows = [np.array([0.95, 0.05])] * 2 + [np.array([0.75, 0.25])] * 2
    verdict = check_calibrated(rows, tasks)
    assert verdict.measured["excess_confidence"] == pytest.approx(0.85 - 0.75)
    assert verdict.measured["expected_calibration_error"] == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert verdict.measured["share_right"] == 0.75


@pytest.mark.parametrize("n", [2, 20])
def test_probabilities_that_promise_too_much_are_over_confident(n):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [n] * 500)
    rows = [letter_probabilities(12.0 * np.eye(n)[rng.integers(n)]) for _ in tasks]
    verdict = check_calibrated(rows, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "over-confident"
    assert verdict.p_failed is not None
    assert "promised" in verdict.evidence[0]


def test_a_temperature_that_is_too_low_is_over_confident():
    tasks, rows = drawn(sharp=1.0, heat=10.0)
    assert check_calibrated(rows, tasks).fault == "over-confident"


def test_an_excess_within_the_limit_passes():
    tasks, rows = drawn(3000, sharp=1.0, heat=1.7)
    verdict = check_calibrated(rows, tasks)
    assert verdict.status is Status.PASSED
    assert 0.05 < verdict.measured["excess_confidence"] < 0.25


def test_few_users_decide_nothing():
    tasks, _ = drawn(5)
    assert check_calibrated([np.eye(20)[0]] * 5, tasks).status is Status.PASSED


def test_targets_that_are_not_listed_are_left_out():
    tasks, rows = drawn(200)
    missing = [replace(task, target_id="elsewhere", target_index=None) for task in tasks]
    assert check_calibrated([*rows, *[np.eye(20)[0]] * 200], [*tasks, *missing]).n == 200
    assert check_calibrated(rows, missing).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, rows = drawn(3)
    with pytest.raises(InvalidTaskError):
        check_calibrated([], [])
    with pytest.raises(InvalidScoresError):
        check_calibrated([row - 1 for row in rows], tasks)
    with pytest.raises(RerankGuardError, match="1"):
        check_calibrated(rows, tasks, most=1.0)
