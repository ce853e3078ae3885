"""Case 33: no PASSED beside a difference above the threshold, and single positions at 0 are a comparison of their own."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores, random_tasks, scores_that_hit
from rerank_guard.checks.scoring.recall_uniform_by_position import recall_uniform_by_position
from rerank_guard.core.verdict import Status


def judged(recall_at, n_users, n=20, *, seed=0, k=5):
    """Users whose target item is at each position in turn, and is found with the probability of its position."""
    rng = np.random.default_rng(seed)
    positions = [user % n for user in range(n_users)]
    tasks = make_tasks(positions, [n] * n_users)
    hits = [bool(rng.random() < recall_at(position)) for position in positions]
    return recall_uniform_by_position(scores_that_hit(tasks, hits), tasks, k)


def in_quarters(*recalls, n=20):
    return lambda position: recalls[min(3, 4 * position // n)]


@pytest.mark.parametrize(
    ("recalls", "n_users", "n"),
    [
        ((1.0, 1.0, 1.0, 0.45), 400, 20),
        ((0.3, 0.95, 0.95, 0.95), 400, 20),
        ((0.9, 0.9, 0.2, 0.9), 400, 12),
        ((0.95, 0.4, 0.95, 0.95), 600, 52),
        ((0.05, 0.05, 0.05, 0.9), 400, 20),
    ],
)
def test_one_quarter_that_is_far_off_fails(recalls, n_users, n):
    verdict = judged(in_quarters(*recalls, n=n), n_users, n)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "position-prior")
    assert verdict.p_failed <= 1e-6


@pytest.mark.parametrize(("n_users", "recalls"), [(40, (0.9, 0.9, 0.35, 0.35)), (60, (0.35, 0.35, 0.8, 0.8))])
def test_a_difference_above_the_threshold_on_few_users_is_never_passed(n_users, recalls):
    found = [judged(in_quarters(*recalls), n_users, seed=seed) for seed in range(5)]
    beyond = [verdict for verdict in found if abs(verdict.measured["largest_difference"]) > 0.25]
    assert len(beyond) >= 4
    for verdict in beyond:
        assert verdict.status in (Status.INCONCLUSIVE, Status.FAILED)
        assert verdict.status is not Status.INCONCLUSIVE or str(n_users) in verdict.cause + verdict.next_step


@pytest.mark.parametrize(
    ("blind", "n", "n_users", "recall"),
    [({7}, 20, 600, 0.9), ({0}, 10, 400, 0.8), ({25, 26}, 30, 1200, 0.9), ({3}, 8, 400, 0.95)],
)
def test_a_single_position_at_0_fails(blind, n, n_users, recall):
    verdict = judged(lambda position: 0.0 if position in blind else recall, n_users, n)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "position-prior")
    rows = [int(row.split("position ")[1].split()[0]) for row in verdict.evidence[1:]]
    assert set(rows) <= blind


def test_a_single_position_at_0_with_too_few_users_for_a_proof_is_inconclusive():
    verdict = judged(lambda position: 0.0 if position == 4 else 0.75, 400)
    assert verdict.status is Status.INCONCLUSIVE
    assert "position 4" in verdict.cause


@pytest.mark.parametrize("signal", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("lengths", [[20] * 400, [8] * 300, [6, 20, 51] * 200])
def test_healthy_rerankers_pass(signal, lengths):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, lengths)
    scores = noisy_scores(tasks, rng, signal)
    assert recall_uniform_by_position(scores, tasks, 5).status is Status.PASSED


@pytest.mark.parametrize("n_users", [20, 40, 60, 100])
@pytest.mark.parametrize("signal", [0.0, 1.0, 3.0])
def test_few_users_seldom_leave_a_healthy_reranker_undecided(n_users, signal):
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        tasks = random_tasks(rng, [20] * n_users)
        found.append(recall_uniform_by_position(noisy_scores(tasks, rng, signal), tasks, 5).status)
    assert Status.FAILED not in found
    assert found.count(Status.INCONCLUSIVE) <= 2


def test_a_mild_preference_passes():
    assert judged(in_quarters(0.7, 0.65, 0.6, 0.6), 1600).status is Status.PASSED
