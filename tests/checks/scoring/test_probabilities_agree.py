"""probabilities_agree: probabilities of other rows, positions or logits are named; every honest scale passes."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from guard.letter_logits import in_half_precision
from rerank_guard.checks.scoring.probabilities_agree import probabilities_agree
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.verdict import Status


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
    for temperature, scale in ((0.3, 1.0), (4.0, 1.0), (1.0, 0.01), (1.0, 100.0)):
        stated = [softmax(row, temperature) for row in scores]
        verdict = probabilities_agree([scale * row for row in scores], stated, tasks)
        assert (verdict.status, verdict.suspects, verdict.affected) == (Status.PASSED, (), Affected(0, 100))
        assert verdict.measured == {"share_of_users_apart": 0.0, "users_judged": 100}
        assert verdict.signs == {"share_of_users_apart": "<="}


def test_half_precision_passes(world):
    tasks, scores = world
    noisy = [softmax(row) for row in in_half_precision(scores, np.random.default_rng(1))]
    assert probabilities_agree(scores, noisy, tasks).status is Status.PASSED


def test_lists_of_any_length_pass():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [2, 3, 50, 20] * 10)
    scores = noisy_scores(tasks, rng, signal=1.0)
    assert probabilities_agree(scores, [softmax(row) for row in scores], tasks).status is Status.PASSED


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
    verdict = probabilities_agree(scores, stated, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.affected.n > 90
    assert len(verdict.evidence) == 5


@pytest.mark.parametrize(("n_others", "status"), [(10, Status.PASSED), (11, Status.FAILED)])
def test_up_to_a_tenth_of_the_tasks_may_differ(world, n_others, status):
    tasks, scores = world
    stated = [softmax(row)[::-1] if task < n_others else softmax(row) for task, row in enumerate(scores)]
    verdict = probabilities_agree(scores, stated, tasks)
    assert verdict.measured["share_of_users_apart"] == pytest.approx(n_others / 100)
    assert verdict.affected == Affected(n_others, 100)
    assert verdict.status is status
    assert probabilities_agree(scores, stated, tasks, max_share=0.05).status is Status.FAILED


def test_rows_that_are_not_finite_are_left_to_their_own_check(world):
    tasks, scores = world
    broken = [row.copy() for row in scores]
    for row in broken[1:]:
        row[0] = np.nan
    stated = [softmax(row) for row in scores]
    verdict = probabilities_agree(broken, stated, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["users_judged"] == 1
    broken[0][0] = np.inf
    assert probabilities_agree(broken, stated, tasks).measured["users_judged"] == 0
    assert probabilities_agree(scores, broken, tasks).measured["users_judged"] == 0


def test_a_tolerance_decides_of_flat_scores():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [4] * 20)
    scores = [np.array([1.0, 0.4, -0.4, -1.0])] * 20
    stated = [softmax(np.array([1.0, -0.4, 0.4, -1.0]))] * 20
    assert probabilities_agree(scores, stated, tasks, tolerance=0.3).status is Status.PASSED
    assert probabilities_agree(scores, stated, tasks, tolerance=0.01).status is Status.FAILED


def test_errors(world):
    tasks, scores = world
    with pytest.raises(InvalidTaskError):
        probabilities_agree([], [], [])
    with pytest.raises(InvalidScoresError, match="probabilities"):
        probabilities_agree(scores, scores[:-1], tasks)
    with pytest.raises(RerankGuardError, match="max_share=1"):
        probabilities_agree(scores, scores, tasks, max_share=1.0)
    with pytest.raises(RerankGuardError, match="tolerance=1"):
        probabilities_agree(scores, scores, tasks, tolerance=1.0)
