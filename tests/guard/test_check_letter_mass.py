"""letter_mass: letters that the model never expects are found."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import SPACED, lettered, world
from rerank_guard.checks.letter_mass import check_letter_mass
from rerank_guard.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.types import LetterTable
from rerank_guard.verdict import Status


@pytest.mark.parametrize("n", [2, 20, [2, 5, 9, 20] * 8])
@pytest.mark.parametrize("sharp", [0.0, 1.0, 3.0])
def test_letters_that_are_likely_pass(sharp, n):
    tasks, _, logits, letters = world(32, n, sharp=sharp)
    verdict = check_letter_mass(logits, letters, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["median_mass_over_random"] > 1.0


def test_an_untrained_model_passes():
    rng = np.random.default_rng(0)
    tasks, _, _, letters = world(32, 20)
    fixed = rng.normal(size=600)
    logits = [fixed + 0.1 * rng.normal(size=600) for _ in tasks]
    assert check_letter_mass(logits, letters, tasks).status is Status.PASSED
    assert check_letter_mass([np.zeros(600)] * 32, letters, tasks).status is Status.PASSED


def test_the_mass_is_the_softmax_of_the_whole_vocabulary():
    tasks, _, _, letters = world(4, 20)
    logits = np.zeros(600)
    logits[100:120] = np.log(29.0)  # 20 x 29 against 580 others: one half
    verdict = check_letter_mass([logits] * 4, letters, tasks)
    assert verdict.measured["mean_mass"] == pytest.approx(0.5)
    assert verdict.measured["median_mass_over_random"] == pytest.approx(15.0)


def test_a_model_that_expects_the_spaced_letters_is_named():
    tasks, _, logits, letters = world(32, 20)
    swapped = []
    for row in logits:
        row = row.copy()
        row[100:120] -= 12.0
        row[100 + SPACED : 120 + SPACED] += 8.0
        swapped.append(row)
    verdict = check_letter_mass(swapped, letters, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "wrong-letter-variant"
    assert "id 3" in verdict.evidence[0]


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_unlikely_letters_for_some_users_pass(share):
    tasks, _, logits, letters = world(32, 20)
    rows = [row - 20.0 * ((np.arange(600) // 20) == 5) if u < share * 32 else row for u, row in enumerate(logits)]
    verdict = check_letter_mass(rows, letters, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_users_below"] == pytest.approx(share, abs=0.05)


def test_two_unlikely_letters_prove_nothing():
    tasks, _, logits, letters = world(32, 2)
    rows = [row - 20.0 * ((np.arange(600) // 20) == 5) for row in logits]
    assert check_letter_mass(rows, letters, tasks).status is Status.PASSED


def test_without_letters_it_does_not_apply():
    tasks, _, logits, _ = world(8, 20)
    assert check_letter_mass(logits, LetterTable(lettered(5).letters), tasks).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, _, logits, letters = world(4, 20)
    with pytest.raises(InvalidTaskError):
        check_letter_mass([], letters, [])
    with pytest.raises(InvalidScoresError, match="3 rows"):
        check_letter_mass(logits[:3], letters, tasks)
    with pytest.raises(InvalidScoresError, match="the id 119"):
        check_letter_mass([row[:110] for row in logits], letters, tasks)
    with pytest.raises(InvalidScoresError, match="hold nan"):
        check_letter_mass([np.full(600, np.nan)] * 4, letters, tasks)
