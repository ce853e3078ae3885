"""scores_deterministic and batch_invariant: rounding passes, dropout and padding are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from guard.letter_logits import in_half_precision, letters_of, log_softmax, world
from rerank_guard.checks.determinism import check_batch_invariant, check_scores_deterministic
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.types import Item
from rerank_guard.verdict import Status

CHECKS = (check_scores_deterministic, check_batch_invariant)


def scored(users=32, n=20, *, sharp=3.0, seed=0):
    tasks, _, logits, _ = world(users, n, sharp=sharp, seed=seed)
    return tasks, letters_of(logits, tasks)


@pytest.mark.parametrize("check", CHECKS)
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
def test_equal_scores_of_any_kind_pass(check, rows):
    tasks, scores = scored()
    scores = [rows(row) for row in scores]
    verdict = check(scores, [row.copy() for row in scores], tasks)
    assert verdict.status is Status.PASSED
    assert verdict.fault is None


@pytest.mark.parametrize("users", [1, 32])
@pytest.mark.parametrize("n", [2, 20])
@pytest.mark.parametrize("check", CHECKS)
def test_the_order_of_sums_in_float32_passes(check, n, users):
    rng = np.random.default_rng(1)
    tasks, scores = scored(users, n)
    again = [(row * (1 + rng.normal(scale=2e-7, size=n))).astype(np.float32).astype(float) for row in scores]
    assert check(scores, again, tasks).status is Status.PASSED


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1000.0])
@pytest.mark.parametrize("n", [2, 20])
def test_dropout_is_nondeterministic_on_any_scale(n, scale):
    rng = np.random.default_rng(1)
    tasks, scores = scored(32, n)
    scores = [scale * row for row in scores]
    again = [row + scale * rng.normal(scale=0.05, size=n) for row in scores]
    verdict = check_scores_deterministic(scores, again, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "nondeterministic"
    assert verdict.p_failed is None
    assert "again" in verdict.evidence[0]


def test_one_user_that_changes_is_enough_to_be_nondeterministic():
    tasks, scores = scored()
    again = [row.copy() for row in scores]
    again[7] = again[7][::-1].copy()
    verdict = check_scores_deterministic(scores, again, tasks)
    assert verdict.measured["users_that_differ"] == 1
    assert "user-7" in verdict.evidence[0]


def test_a_nan_in_one_run_only_is_nondeterministic():
    tasks, scores = scored()
    again = [row.copy() for row in scores]
    again[3][4] = np.nan
    verdict = check_scores_deterministic(scores, again, tasks)
    assert verdict.fault == "nondeterministic"
    assert "slot 4" in verdict.evidence[0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [2, 20, 50])
def test_half_precision_is_no_dependence_on_the_batch(n, sharp, seed):
    rng = np.random.default_rng(seed)
    tasks, scores = scored(64, n, sharp=sharp, seed=seed)
    verdict = check_batch_invariant(in_half_precision(scores, rng), in_half_precision(scores, rng), tasks)
    assert verdict.status is Status.PASSED, verdict.measured


def test_half_precision_on_a_steep_scale_is_no_dependence_on_the_batch():
    rng = np.random.default_rng(0)
    tasks, scores = scored(64, 20)
    first, second = ([50.0 * row for row in in_half_precision(scores, rng)] for _ in range(2))
    assert check_batch_invariant(first, second, tasks).status is Status.PASSED


@pytest.mark.parametrize("scale", [1.0, 1000.0, 0.01])
@pytest.mark.parametrize("n", [2, 20])
def test_scores_mixed_with_the_neighbours_are_batch_dependent(n, scale):
    tasks, scores = scored(32, n)
    scores = [scale * row for row in scores]
    together = [0.5 * (row + scores[u - 1]) for u, row in enumerate(scores)]
    verdict = check_batch_invariant(together, scores, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "batch-dependent"


def test_padding_that_spoils_the_shortest_prompts_is_found_and_told():
    rng = np.random.default_rng(3)
    tasks, scores = scored(32, 20)
    history = tuple(Item(f"h{i}", "a rather long title of a film") for i in range(30))
    tasks = [replace(task, history=history if u >= 2 else history[:1]) for u, task in enumerate(tasks)]
    together = [rng.permutation(row) if u < 2 else row for u, row in enumerate(scores)]
    verdict = check_batch_invariant(together, scores, tasks)
    assert verdict.fault == "batch-dependent"
    assert "shorter" in verdict.cause
    assert verdict.measured["text_of_broken"] < verdict.measured["text_of_others"]


@pytest.mark.parametrize("check", CHECKS)
def test_errors(check):
    tasks = random_tasks(np.random.default_rng(0), [3, 3])
    rows = [np.zeros(3)] * 2
    with pytest.raises(InvalidTaskError):
        check([], [], [])
    with pytest.raises(InvalidScoresError, match="1 rows for 2 users"):
        check(rows, rows[:1], tasks)
    with pytest.raises(RerankGuardError, match="tolerance=1"):
        check(rows, rows, tasks, tolerance=1.0)


def test_rows_that_are_right_but_another_tasks_are_told_from_changed_ones():
    """Sorted by length for batching, and not put back."""
    rng = np.random.default_rng(4)
    tasks = random_tasks(rng, [12] * 60)
    alone = noisy_scores(tasks, rng, 1.0)
    moved = [alone[(user + 7) % 60] for user in range(60)]
    changed = [row + rng.normal(size=12) for row in alone]
    assert check_batch_invariant(moved[:20], alone[:20], tasks[:20], all_rows=moved).fault == "rows-misaligned"
    assert check_batch_invariant(changed[:20], alone[:20], tasks[:20], all_rows=changed).fault == "batch-dependent"
    assert check_batch_invariant(alone[:20], alone[:20], tasks[:20], all_rows=alone).status is Status.PASSED
