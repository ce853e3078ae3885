"""Case 17: equal scores are named by what is equal, and for whom."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_letter_table, random_tasks
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.core.types import Item, LetterTable, LetterToken, RankingTask
from rerank_guard.core.verdict import Status

LENGTHS = [pytest.param(n, id=f"N={n}") for n in (5, 20, 50)]


def sigmoid(row):
    return 1.0 / (1.0 + np.exp(-row))


def drawn(n, n_tasks=200, seed=0):
    rng = np.random.default_rng([seed, n])
    return random_tasks(rng, [n] * n_tasks), rng


def named(scores, tasks, letters=None):
    verdict = scores_well_formed(scores, tasks, letters)
    assert verdict.status is Status.FAILED
    return verdict.fault


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("shift", [7.5, 8.5])
def test_probabilities_of_half_precision_that_saturate(n, shift):
    tasks, rng = drawn(n)
    rows = [sigmoid(shift + rng.normal(size=n)).astype(np.float16) for _ in tasks]
    assert named(rows, tasks) == "scores-saturated"


@pytest.mark.parametrize("n", LENGTHS)
def test_a_softmax_over_one_logit(n):
    tasks, _ = drawn(n)
    assert named([np.ones(n)] * len(tasks), tasks) == "score-scale-wrong"


@pytest.mark.parametrize("n", LENGTHS)
def test_one_id_for_all_letters(n):
    tasks, rng = drawn(n)
    rows = [np.full(n, value) for value in rng.normal(size=len(tasks))]
    one = LetterTable(tuple(LetterToken(each.letter, each.token_ids, 100) for each in make_letter_table(n).letters))
    assert named(rows, tasks, one) == "letter-collision"
    even = [np.full(n, 1.0 / n)] * len(tasks)
    assert probabilities_not_uniform(even, tasks, rows, one).fault == "letter-collision"
    verdict = scores_well_formed(rows, tasks, make_letter_table(n))
    assert verdict.fault == "ties-decide"
    assert "token" in verdict.cause
    assert "inputs" in verdict.cause


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_inputs_that_are_equal_once_they_are_cut(n, share):
    rng = np.random.default_rng(n)
    tasks, rows = [], []
    for user in range(200):
        cut = user < share * 200
        items = tuple(Item(f"u{user}-{i}", f"document {i}") for i in range(n))
        words = "word " * int(rng.integers(300, 900) if cut else rng.integers(5, 250))
        tasks.append(RankingTask(f"user-{user}", (), items, items[user % n].item_id, user % n, query=words))
        rows.append(np.full(n, rng.normal()) if cut else rng.normal(size=n))
    assert named(rows, tasks) == "prompt-truncated"


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("value", [0.0, -100.0, 0.5])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_a_value_that_is_filled_in(n, value, share):
    tasks, rng = drawn(n)
    rows = [np.full(n, value) if user < share * 200 else rng.normal(size=n) for user in range(200)]
    assert named(rows, tasks) == "silent-fallback"
    even = [np.full(n, 1.0 / n) if user < share * 200 else np.exp(rows[user]) for user in range(200)]
    verdict = probabilities_not_uniform([row / row.sum() for row in even], tasks, rows)
    assert verdict.fault == "silent-fallback"


def test_zeros_filled_in_beside_probabilities_are_no_saturation():
    tasks, rng = drawn(20)
    rows = [np.zeros(20) if user < 40 else rng.uniform(0.1, 0.9, size=20) for user in range(200)]
    assert named(rows, tasks) == "silent-fallback"


@pytest.mark.parametrize("n", LENGTHS)
def test_coarse_scores_still_tie_by_themselves(n):
    tasks, rng = drawn(n)
    assert named([rng.normal(size=n).round() for _ in tasks], tasks) == "ties-decide"
    assert named([(rng.uniform(size=n) < 0.3).astype(float) for _ in tasks], tasks) == "ties-decide"


@pytest.mark.parametrize("n", LENGTHS)
def test_bounded_scores_that_differ_pass(n):
    tasks, rng = drawn(n)
    for rows in (
        [sigmoid(3.0 * rng.normal(size=n)) for _ in tasks],
        [sigmoid(6.0 + rng.normal(size=n)) for _ in tasks],
    ):
        assert scores_well_formed(rows, tasks).status is Status.PASSED
