"""scores_deterministic: the order of sums passes, dropout does not."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import letters_of, log_softmax, world
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.scores_deterministic import scores_deterministic
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.verdict import Status


def scored(n_tasks=32, n=20, *, sharp=3.0, seed=0):
    tasks, _, logits, _ = world(n_tasks, n, sharp=sharp, seed=seed)
    return tasks, letters_of(logits, tasks)


@pytest.mark.parametrize(
    "rows",
    [
        lambda row: row,
        log_softmax,
        letter_probabilities,
        lambda row: np.zeros(len(row)),
        lambda row: 1e6 * row,
        lambda row: 1e-6 * row,
        lambda row: np.where(np.arange(len(row)) < 3, -np.inf, row),
        lambda row: np.where(np.arange(len(row)) < 3, np.nan, row),
        lambda row: np.argsort(np.argsort(row)).astype(float),
    ],
)
def test_equal_scores_of_any_kind_pass(rows):
    tasks, scores = scored()
    scores = [rows(row) for row in scores]
    verdict = scores_deterministic(scores, [row.copy() for row in scores], tasks)
    assert (verdict.status, verdict.suspects, verdict.affected) == (Status.PASSED, (), Affected(0, 32))
    assert verdict.measured["largest_distance"] == 0.0
    assert verdict.signs == {"users_that_differ": "<=", "largest_distance": "<="}


@pytest.mark.parametrize(("n_tasks", "n"), [(1, 20), (32, 2), (32, 20)])
def test_the_order_of_sums_in_float32_passes(n_tasks, n):
    rng = np.random.default_rng(1)
    tasks, scores = scored(n_tasks, n)
    again = [(row * (1 + rng.normal(scale=2e-7, size=n))).astype(np.float32).astype(float) for row in scores]
    assert scores_deterministic(scores, again, tasks).status is Status.PASSED


@pytest.mark.parametrize(("n", "scale"), [(20, 1e-6), (20, 1.0), (20, 1000.0), (2, 1.0)])
def test_dropout_is_nondeterministic_on_any_scale(n, scale):
    rng = np.random.default_rng(1)
    tasks, scores = scored(32, n)
    scores = [scale * row for row in scores]
    again = [row + scale * rng.normal(scale=0.05, size=n) for row in scores]
    verdict = scores_deterministic(scores, again, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "nondeterministic"
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.p_failed is None


def test_one_task_that_changes_is_enough():
    tasks, scores = scored()
    again = [row.copy() for row in scores]
    again[7] = again[7][::-1].copy()
    verdict = scores_deterministic(scores, again, tasks)
    assert verdict.measured["users_that_differ"] == verdict.measured["users_with_another_first"] == 1
    assert verdict.affected == Affected(1, 32)
    assert "user-7" in verdict.evidence[0]


def test_a_nan_in_one_run_only_is_nondeterministic():
    tasks, scores = scored()
    again = [row.copy() for row in scores]
    again[3][4] = np.nan
    verdict = scores_deterministic(scores, again, tasks)
    assert verdict.fault == "nondeterministic"
    assert "position 4" in verdict.evidence[0]


@pytest.mark.parametrize(("tolerance", "status"), [(1.1e-5, Status.PASSED), (0.9e-5, Status.FAILED)])
def test_the_tolerance_is_a_total_variation_distance(tolerance, status):
    """On a scale of 0 to 20 the change is below a thousandth of the range, and moves 1e-5 of the probability."""
    tasks, _ = scored(1, 3)
    first = np.array([20.0, 20.0, 0.0])
    verdict = scores_deterministic([first], [first + np.array([0.0, 4e-5, 0.0])], tasks, tolerance=tolerance)
    assert verdict.measured["largest_distance"] == pytest.approx(1e-5, rel=0.01)
    assert verdict.status is status


def test_errors():
    tasks, _ = scored(2, 3)
    rows = [np.zeros(3)] * 2
    with pytest.raises(InvalidTaskError):
        scores_deterministic([], [], [])
    with pytest.raises(InvalidScoresError, match="1 rows for 2"):
        scores_deterministic(rows, rows[:1], tasks)
    with pytest.raises(RerankGuardError, match="tolerance=1"):
        scores_deterministic(rows, rows, tasks, tolerance=1.0)
