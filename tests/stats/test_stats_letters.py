"""The e-processes of a training job, against enumeration, closed forms and simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.special import log_softmax

from rerank_guard.stats import LettersAgainstChance, LettersAgainstPrior, tempered_nll
from rerank_guard.stats.letters import SHARES, TEMPERATURES, mean_rank


def test_tempered_nll_is_the_softmax_over_the_letters_in_use():
    rng = np.random.default_rng(0)
    logits, positions, n = rng.normal(size=(5, 7)) * 3, np.array([0, 2, 4, 1, 3]), np.array([7, 5, 5, 2, 7])
    nll = tempered_nll(logits, positions, n)
    for row in range(5):
        for column, temperature in enumerate(TEMPERATURES):
            expected = -log_softmax(logits[row, : n[row]] / temperature)[positions[row]]
            assert nll[row, column] == pytest.approx(expected, abs=1e-10)


def test_the_mean_rank_counts_letters_in_use_and_shares_ties():
    logits = np.array([[3.0, 1.0, 2.0, 9.0], [1.0, 1.0, 1.0, 1.0], [0.0, 5.0, 5.0, 7.0]])
    ranks = mean_rank(logits, np.array([2, 0, 1]), np.array([3, 4, 4]))
    assert ranks.tolist() == [2.0, 2.5, 2.5]


def test_masked_letters_may_be_minus_infinity():
    assert np.isfinite(tempered_nll(np.array([[0.3, 0.1, -np.inf]]), np.array([1]), np.array([2]))).all()


def test_against_chance_it_has_mean_one_under_uniform_slots_whatever_the_model_says():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 3)) * 4  # an over-confident model that knows nothing; batches of 1, 2 and 1
    batches, total = ([0], [1, 2], [3]), np.zeros(3)
    for outcome in product(range(3), repeat=4):
        nll = tempered_nll(logits, np.array(outcome), np.full(4, 3))
        process = LettersAgainstChance()
        for at, rows in enumerate(batches):
            process.update(nll[rows], np.full(len(rows), 3))
            total[at] += math.exp(process.log_e) / 3**4
    np.testing.assert_allclose(total, 1.0, atol=1e-10)


def test_against_chance_it_is_the_mixture_over_starts_shares_and_temperatures():
    nll = np.array([[0.2, 0.5, 0.8], [1.5, 1.2, 1.1], [0.1, 0.4, 0.7]])
    process = LettersAgainstChance()
    for row in nll:
        process.update(row[None], np.array([4]))
    wealth = 1 / 4  # the bets that have not started after three batches
    for start in (1, 2, 3):
        for share in SHARES:
            for column in range(3):
                product_ = np.prod(1 - share + share * 4 * np.exp(-nll[start - 1 :, column]))
                wealth += product_ / (start * (start + 1)) / 9
    assert process.log_e == pytest.approx(math.log(wealth), abs=1e-10)
    assert process.largest >= process.log_e


def test_a_job_that_learns_late_is_not_held_to_its_past():
    rng = np.random.default_rng(2)
    process = LettersAgainstChance()
    n = np.full(16, 50)
    for _ in range(100):  # confidently wrong: a nat above chance
        process.update(rng.normal(math.log(50) + 1.0, 0.3, size=(16, 1)), n)
    assert process.largest < math.log(1000)
    for _ in range(12):
        process.update(rng.normal(math.log(50) - 0.3, 0.3, size=(16, 1)), n)
    assert process.largest >= math.log(1000)


def test_an_over_confident_model_shows_what_it_knows_at_a_higher_temperature():
    rng = np.random.default_rng(3)
    positions = rng.integers(10, size=2000)
    logits = rng.normal(size=(2000, 10))
    logits[np.arange(2000), positions] += 0.7
    nll = tempered_nll(8.0 * logits, positions, np.full(2000, 10))
    assert nll[:, 0].mean() > math.log(10), "its own probabilities are worse than chance"
    with_temperatures = LettersAgainstChance()
    for start in range(0, 2000, 20):
        with_temperatures.update(nll[start : start + 20], np.full(20, 10))
    assert with_temperatures.largest >= math.log(1000)


def _prior_process(logits, positions, n, batch=16):
    process = LettersAgainstPrior()
    nll = tempered_nll(logits, positions, np.full(len(positions), n))
    for start in range(0, len(positions), batch):
        rows = slice(start, start + batch)
        process.update(nll[rows], np.full(len(positions[rows]), n), positions[rows])
    return process


def test_against_a_prior_the_first_bet_is_the_ratio_to_the_best_in_hindsight():
    logits, positions = np.log(np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])), np.array([0, 1, 0])
    process = LettersAgainstPrior()
    process.update(-np.log(np.array([[0.7], [0.6], [0.9]])), np.full(3, 2), positions)
    assert logits.shape == (3, 2)
    ratio = 0.7 * 0.6 * 0.9 / ((2 / 3) ** 2 * (1 / 3))
    assert process.log_e == pytest.approx(math.log(0.5 * ratio + 0.5), abs=1e-10)


def test_a_model_that_learned_only_the_letters_shares_does_not_beat_the_prior_and_one_that_knows_the_item_does():
    rng = np.random.default_rng(4)
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    positions = rng.choice(5, size=3200, p=shares)
    prior_only = np.tile(np.log(shares), (3200, 1))
    assert _prior_process(prior_only, positions, 5).largest < math.log(1000)
    chance = LettersAgainstChance()
    nll = tempered_nll(prior_only, positions, np.full(3200, 5))
    for start in range(0, 3200, 16):
        chance.update(nll[start : start + 16], np.full(16, 5))
    assert chance.largest >= math.log(1000), "and yet it is far below chance: that is what this process is for"
    knowing = prior_only.copy()
    knowing[np.arange(3200), positions] += 0.5
    assert _prior_process(knowing, positions, 5).largest >= math.log(1000)


def test_under_a_prior_it_is_exceeded_no_more_often_than_alpha():
    # 400 seeded runs at alpha 0.1: 40 at most in expectation, 75 has p < 1e-6; hindsight makes it far fewer
    rng = np.random.default_rng(5)
    crossed = 0
    for _ in range(400):
        positions = rng.choice(3, size=64, p=[0.5, 0.3, 0.2])
        crossed += _prior_process(rng.normal(size=(64, 3)), positions, 3, batch=8).largest >= math.log(10)
    assert crossed <= 75


def test_lists_of_another_length_than_the_first_are_left_out_of_the_prior():
    process = LettersAgainstPrior()
    process.update(np.array([[0.1], [0.1]]), np.array([4, 4]), np.array([0, 3]))
    before = process.log_e
    process.update(np.array([[0.0]]), np.array([9]), np.array([8]))
    assert process.log_e == before
