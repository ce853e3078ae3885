"""Two means further apart than an effect: the bets on both together, and the interval of what they do not reject."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rerank_guard.stats.bets import log_e_value_above, log_e_value_below
from rerank_guard.stats.two_means import difference_sequence, log_e_further_apart

CASES = [(0.9, 0.3), (1.0, 0.0), (0.8, 0.5), (1.0, 0.6), (0.4, 0.0)]


def drawn(one, other, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random(120) < one) * 1.0, (rng.random(90) < other) * 1.0


@pytest.mark.parametrize("effect", [-0.2, 0.0, 0.1, 0.25])
@pytest.mark.parametrize(("one", "other"), CASES)
def test_it_is_the_smallest_product_of_two_bets(one, other, effect):
    first, second = drawn(one, other)
    products = [
        log_e_value_above(first, min(1.0, mean + effect)) + log_e_value_below(second, mean)
        for mean in np.linspace(max(0.001, 0.001 - effect), 0.999, 500)
    ]
    found = log_e_further_apart(first, second, effect)
    assert found <= min(products) + 1e-9
    assert found == pytest.approx(min(products), abs=0.15)


@pytest.mark.parametrize(("one", "other"), CASES)
def test_the_interval_holds_what_is_not_rejected(one, other):
    first, second = drawn(one, other)
    low, high = difference_sequence(first, second, 0.99)
    needed = math.log(2.0 / 0.01)
    assert low <= first.mean() - second.mean() <= high
    if low > -1.0:
        assert log_e_further_apart(first, second, low) == pytest.approx(needed, abs=1e-5)
    if high < 1.0:
        assert log_e_further_apart(second, first, -high) == pytest.approx(needed, abs=1e-5)


def test_no_difference_and_the_other_direction_say_nothing():
    ones, zeros = np.ones(50), np.zeros(50)
    assert log_e_further_apart(ones, ones, 0.0) <= 0.0
    assert log_e_further_apart(zeros, ones, 0.0) <= 0.0
    assert log_e_further_apart(ones, np.full(50, 0.8), 0.2) <= 0.0
    assert log_e_further_apart(ones, zeros, 0.25) > log_e_further_apart(ones, zeros, 0.5) > 20.0
    assert difference_sequence(np.ones(1), np.zeros(1), 0.999)[1] == 1.0
    assert (
        difference_sequence(np.ones(9), np.zeros(9), 1.0)[0] < difference_sequence(np.ones(9), np.zeros(9), 0.9)[0]
    )


@pytest.mark.parametrize(("one", "other", "effect"), [(0.5, 0.3, 0.2), (0.5, 0.5, 0.0), (0.95, 0.7, 0.25)])
def test_a_difference_of_the_effect_is_rejected_no_more_often_than_claimed(one, other, effect):
    rng = np.random.default_rng(1)
    draws, level = 1000, 0.2
    rejected = sum(
        log_e_further_apart((rng.random(40) < one) * 1.0, (rng.random(40) < other) * 1.0, effect)
        >= math.log(1.0 / level)
        for _ in range(draws)
    )
    assert rejected <= level * draws
