"""Tokens whose logits give the scores are found among a vocabulary, from enough tasks and candidates."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import log_softmax
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring._token_search import tokens_that_fit


def made(n_tasks=8, vocabulary=400, tokens=(7, 300, 12, 99)):
    rng = np.random.default_rng(0)
    logits = [rng.normal(scale=3.0, size=vocabulary) for _ in range(n_tasks)]
    return logits, [row[list(tokens)] for row in logits]


@pytest.mark.parametrize("kind", [lambda row: row, log_softmax, letter_probabilities, lambda row: row + 40.0])
def test_the_tokens_are_found_whatever_the_scale(kind):
    logits, read = made()
    assert tokens_that_fit([kind(row) for row in read], logits) == [7, 300, 12, 99]


@pytest.mark.parametrize(("n_tasks", "found"), [(5, True), (4, False)])
def test_five_tasks_are_needed(n_tasks, found):
    logits, read = made(n_tasks)
    assert tokens_that_fit(read, logits) == ([7, 300, 12, 99] if found else None)


@pytest.mark.parametrize(("tokens", "found"), [((7, 300, 12), True), ((7, 300), False)])
def test_three_candidates_are_needed(tokens, found):
    logits, read = made(tokens=tokens)
    assert tokens_that_fit(read, logits) == (list(tokens) if found else None)


def test_tasks_of_the_largest_n_are_looked_at():
    logits, read = made(9)
    ragged = [row[:3] if task % 4 == 3 else row for task, row in enumerate(read)]
    assert tokens_that_fit(ragged, logits) == [7, 300, 12, 99]


def test_noise_of_half_precision_is_no_obstacle():
    rng = np.random.default_rng(1)
    logits, read = made()
    assert tokens_that_fit([row + 0.05 * rng.normal(size=4) for row in read], logits) == [7, 300, 12, 99]


def test_scores_or_logits_that_are_not_finite_say_nothing():
    logits, read = made()
    zero = [letter_probabilities(row) for row in read]
    zero[0] = np.array([0.5, 0.5, 0.0, 0.0])
    assert tokens_that_fit(zero, logits) is None
    logits[3][50] = -np.inf
    assert tokens_that_fit(read, logits) is None
