"""probabilities_agree: probabilities of other rows, of other slots, of other logits; and every honest scale."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from rerank_guard.checks.probabilities_agree import check_probabilities_agree
from rerank_guard.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.verdict import Status


def softmax(row, temperature=1.0):
    shifted = (row - row.max()) / temperature
    return np.exp(shifted) / np.exp(shifted).sum()


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20] * 100)
    return tasks, noisy_scores(tasks, rng, signal=2.0)


def test_the_softmax_of_the_scores_passes_at_any_temperature_and_scale(world):
    tasks, scores = world
    for temperature in (0.3, 1.0, 4.0):
        stated = [softmax(row, temperature) for row in scores]
        for scale in (0.01, 1.0, 100.0):
            assert check_probabilities_agree([scale * row for row in scores], stated, tasks).status is Status.PASSED


def test_half_precision_passes(world):
    tasks, scores = world
    rng = np.random.default_rng(1)
    noisy = [softmax(np.round((row + rng.normal(0.0, 0.1, len(row))) * 8) / 8) for row in scores]
    assert check_probabilities_agree(scores, noisy, tasks).status is Status.PASSED


@pytest.mark.parametrize("n", [2, 3, 50])
def test_any_number_of_candidates_passes(n):
    rng = np.random.default_rng(n)
    tasks = random_tasks(rng, [n] * 40)
    scores = noisy_scores(tasks, rng, signal=1.0)
    assert check_probabilities_agree(scores, [softmax(row) for row in scores], tasks).status is Status.PASSED


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda rows, rng: rows[1:] + rows[:1], "rows-misaligned"),
        (lambda rows, rng: rows[-1:] + rows[:-1], "rows-misaligned"),
        (lambda rows, rng: [np.roll(row, 1) for row in rows], "label-offset"),
        (lambda rows, rng: [np.roll(row, -1) for row in rows], "label-offset"),
        (lambda rows, rng: [softmax(rng.normal(size=len(row))) for row in rows], "probabilities-differ"),
        (lambda rows, rng: [row[::-1] for row in rows], "probabilities-differ"),
    ],
)
def test_probabilities_of_something_else_are_named(world, spoil, fault):
    tasks, scores = world
    stated = spoil([softmax(row) for row in scores], np.random.default_rng(2))
    verdict = check_probabilities_agree(scores, stated, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert "slot" in verdict.evidence[0]


def test_one_user_that_differs_is_not_a_pipeline_that_does(world):
    tasks, scores = world
    stated = [softmax(row) for row in scores]
    stated[7] = stated[7][::-1]
    assert check_probabilities_agree(scores, stated, tasks).status is Status.PASSED


def test_scores_that_are_not_finite_are_left_to_their_own_check(world):
    tasks, scores = world
    broken = [row.copy() for row in scores]
    for row in broken:
        row[0] = np.nan
    verdict = check_probabilities_agree(broken, [softmax(row) for row in scores], tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["users_judged"] == 0


def test_malformed_input_is_refused(world):
    tasks, scores = world
    with pytest.raises(InvalidTaskError):
        check_probabilities_agree([], [], [])
    with pytest.raises(InvalidScoresError, match="probabilities"):
        check_probabilities_agree(scores, scores[:-1], tasks)
