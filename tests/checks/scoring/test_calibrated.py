"""calibrated: probabilities that promise far too much fail, and those that keep their word or more pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, random_tasks
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.calibrated import calibrated
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status


def drawn(n_tasks=500, n=20, *, sharp=2.0, heat=1.0, seed=0):
    """Tasks whose targets are drawn from a softmax, and that softmax at another temperature (heat above 1: bolder)."""
    rng = np.random.default_rng(seed)
    tasks, rows = [], []
    for user in range(n_tasks):
        logits = sharp * rng.normal(size=n)
        tasks.append(make_task(int(rng.choice(n, p=letter_probabilities(logits))), n, user=user))
        rows.append(letter_probabilities(heat * logits))
    return tasks, rows


@pytest.mark.parametrize(
    ("n", "sharp", "heat"),
    [(20, 1.0, 0.0), (20, 1.0, 0.3), (20, 1.0, 1.0), (20, 1.0, 1.2), (20, 0.0, 1.0), (20, 4.0, 1.0), (2, 1.0, 1.0)],
)
def test_probabilities_that_keep_their_word_pass(n, sharp, heat):
    tasks, rows = drawn(n=n, sharp=sharp, heat=heat)
    verdict = calibrated(rows, tasks)
    assert (verdict.status, verdict.suspects) == (Status.PASSED, ())
    assert verdict.interval.low <= verdict.measured["excess_confidence"] <= verdict.interval.high
    assert verdict.interval.level == pytest.approx(1.0 - 2e-6)
    assert verdict.threshold == {"log10_e_value": pytest.approx(6.0), "excess_confidence": 0.25}
    assert verdict.signs == {"log10_e_value": "<"}


def test_the_measures_are_those_of_the_definition():
    tasks = [make_task(position, 2, user=u) for u, position in enumerate([0, 0, 0, 1])]
    rows = [np.array([0.95, 0.05])] * 2 + [np.array([0.75, 0.25])] * 2
    measured = calibrated(rows, tasks).measured
    assert measured["excess_confidence"] == pytest.approx(0.85 - 0.75)
    assert measured["expected_calibration_error"] == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert measured["mean_confidence"] == pytest.approx(0.85)
    assert measured["share_right"] == 0.75


def test_confidence_is_compared_in_ten_bins_of_equal_width():
    """0.91 and 0.96 are in one of ten bins, though not of twenty; 0.65 and 0.75 in two, though in one of five."""
    confidence, position = [0.91, 0.96, 0.65, 0.75], [1, 0, 0, 1]
    tasks = [make_task(at, 2, user=u) for u, at in enumerate(position)]
    measured = calibrated([np.array([c, 1.0 - c]) for c in confidence], tasks).measured
    assert measured["expected_calibration_error"] == pytest.approx((abs(0.91 - 0.04) + 0.35 + 0.75) / 4)


def test_evidence_shows_the_five_bins_that_add_most_to_the_excess():
    confidence = np.repeat([0.45, 0.55, 0.65, 0.75, 0.85, 0.95], 100)
    tasks = [make_task(0 if u < 100 else 1, 3, user=u) for u in range(600)]  # the least confident are right
    verdict = calibrated([np.array([c, (1.0 - c) / 2, (1.0 - c) / 2]) for c in confidence], tasks)
    assert verdict.fault == "over-confident"
    assert [row.split()[1] for row in verdict.evidence] == ["0.5", "0.6", "0.7", "0.8", "0.9"]


def test_candidates_that_share_the_largest_probability_are_right_by_chance():
    assert calibrated([np.array([0.4, 0.4, 0.2])], [make_task(1, 3)]).measured["share_right"] == 0.5
    certain = calibrated([np.array([1.0, 0.0])] * 3, [make_task(0, 2, user=u) for u in range(3)])
    assert certain.measured["expected_calibration_error"] == 0.0, "a probability of 1 is in the last bin"


@pytest.mark.parametrize("n", [2, 20])
def test_probabilities_that_promise_too_much_are_over_confident(n):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [n] * 500)
    rows = [letter_probabilities(12.0 * np.eye(n)[rng.integers(n)]) for _ in tasks]
    verdict = calibrated(rows, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "over-confident"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.p_failed <= 1e-6
    assert verdict.interval.low > 0.25
    assert "500 tasks" in verdict.evidence[0]


def test_a_temperature_that_is_too_low_is_over_confident():
    tasks, rows = drawn(sharp=1.0, heat=10.0)
    assert calibrated(rows, tasks).fault == "over-confident"


def test_an_excess_within_the_limit_passes():
    tasks, rows = drawn(1000, sharp=1.0, heat=1.7)
    verdict = calibrated(rows, tasks)
    assert verdict.status is Status.PASSED
    assert 0.05 < verdict.measured["excess_confidence"] < 0.25
    assert calibrated(rows, tasks, max_excess=0.02).status is Status.FAILED


def test_few_tasks_decide_nothing():
    tasks, _ = drawn(5)
    assert calibrated([np.eye(20)[0]] * 5, tasks).status is Status.PASSED


def test_targets_that_are_not_listed_are_left_out():
    tasks, rows = drawn(100)
    missing = [replace(task, target_id="elsewhere", target_index=None) for task in tasks]
    with_them = calibrated([*[np.eye(20)[0]] * 100, *rows], [*missing, *tasks])
    assert with_them.n == 100
    assert with_them.measured == calibrated(rows, tasks).measured
    assert calibrated(rows, missing).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, rows = drawn(3)
    with pytest.raises(InvalidTaskError):
        calibrated([], [])
    with pytest.raises(InvalidScoresError):
        calibrated([row - 1 for row in rows], tasks)
    with pytest.raises(RerankGuardError, match="max_excess=1"):
        calibrated(rows, tasks, max_excess=1.0)
    with pytest.raises(RerankGuardError, match="alpha=0"):
        calibrated(rows, tasks, alpha=0)
