"""letter_mass: letters that the model never expects are found."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import SPACED, lettered, world
from rerank_guard.checks.scoring.letter_mass import letter_mass
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.types import LetterTable
from rerank_guard.core.verdict import Status


def unlikely(row):
    """The 20 letters are e^20 times less likely."""
    return row - 20.0 * ((np.arange(600) // 20) == 5)


@pytest.mark.parametrize(("n", "sharp"), [(2, 1.0), (20, 0.0), (20, 1.0), (20, 3.0), ([2, 5, 9, 20] * 8, 1.0)])
def test_letters_that_are_likely_pass(n, sharp):
    tasks, _, logits, letters = world(32, n, sharp=sharp)
    verdict = letter_mass(logits, letters, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["median_mass_over_random"] > 1.0
    assert verdict.signs == {"share_of_users_below": "<"}
    assert verdict.threshold == {"share_of_users_below": 0.95, "median_mass_over_random": 0.5}


def test_an_untrained_model_passes():
    rng = np.random.default_rng(0)
    tasks, _, _, letters = world(32, 20)
    fixed = rng.normal(size=600)
    logits = [fixed + 0.1 * rng.normal(size=600) for _ in tasks]
    assert letter_mass(logits, letters, tasks).status is Status.PASSED
    assert letter_mass([np.zeros(600)] * 32, letters, tasks).status is Status.PASSED


def test_the_mass_is_the_softmax_of_the_whole_vocabulary():
    tasks, _, _, letters = world(4, 20)
    logits = np.zeros(600)
    logits[100:120] = np.log(29.0)  # 20 x 29 against 580 others: one half
    verdict = letter_mass([logits] * 4, letters, tasks)
    assert verdict.measured["mean_mass"] == pytest.approx(0.5)
    assert verdict.measured["median_mass_over_random"] == pytest.approx(15.0)
    assert verdict.measured["mean_mass_of_random_tokens"] == pytest.approx(20 / 600)


@pytest.mark.parametrize(("min_ratio", "status"), [(0.51, Status.FAILED), (0.49, Status.PASSED)])
def test_the_smallest_ratio_can_be_set(min_ratio, status):
    tasks, _, _, letters = world(4, 20)
    logits = np.zeros(600)
    logits[100:120] = np.log(29.0 / 59.0)  # 1/60 of the whole, where 20 random tokens hold 1/30
    verdict = letter_mass([logits] * 4, letters, tasks, min_ratio=min_ratio)
    assert verdict.measured["median_mass_over_random"] == pytest.approx(0.5)
    assert verdict.status is status


def test_a_model_that_expects_the_spaced_letters_is_a_symptom_of_another_variant():
    tasks, _, logits, letters = world(32, 20)
    expected = [
        row - 12.0 * ((np.arange(600) // 20) == 5) + 8.0 * ((np.arange(600) // 20) == (100 + SPACED) // 20)
        for row in logits
    ]
    verdict = letter_mass(expected, letters, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "wrong-letter-variant"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.affected == Affected(32, 32)
    assert "id 3" in verdict.evidence[0], "the spaced letters have the ids from 300 on"


@pytest.mark.parametrize(
    ("n_low", "min_share", "status"),
    [(6, 0.95, Status.PASSED), (18, 0.95, Status.PASSED), (19, 0.95, Status.FAILED), (6, 0.3, Status.FAILED)],
)
def test_nearly_all_tasks_have_to_have_unlikely_letters(n_low, min_share, status):
    tasks, _, logits, letters = world(20, 20)
    rows = [unlikely(row) if task < n_low else row for task, row in enumerate(logits)]
    verdict = letter_mass(rows, letters, tasks, min_share=min_share)
    assert verdict.measured["share_of_users_below"] == pytest.approx(n_low / 20)
    assert verdict.status is status


@pytest.mark.parametrize(("n", "status"), [(2, Status.PASSED), (3, Status.PASSED), (4, Status.FAILED)])
def test_up_to_three_unlikely_letters_prove_nothing(n, status):
    tasks, _, logits, letters = world(32, n)
    assert letter_mass([unlikely(row) for row in logits], letters, tasks).status is status


def test_without_letters_it_does_not_apply():
    tasks, _, logits, _ = world(8, 20)
    assert letter_mass(logits, LetterTable(lettered(5).letters), tasks).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, _, logits, letters = world(4, 20)
    with pytest.raises(InvalidTaskError):
        letter_mass([], letters, [])
    with pytest.raises(InvalidScoresError, match="3 rows"):
        letter_mass(logits[:3], letters, tasks)
    with pytest.raises(InvalidScoresError, match="the id 119"):
        letter_mass([row[:110] for row in logits], letters, tasks)
    for value in (np.nan, np.inf):
        with pytest.raises(InvalidScoresError, match=f"hold {value}"):
            letter_mass([np.full(600, value)] * 4, letters, tasks)
    for setting in ({"min_ratio": 0.0}, {"min_ratio": 1.1}, {"min_share": -0.1}, {"min_share": 1.1}):
        with pytest.raises(RerankGuardError, match=next(iter(setting))):
            letter_mass(logits, letters, tasks, **setting)
