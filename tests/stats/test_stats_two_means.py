"""Two means further apart than an effect: the same decision as by two confidence sequences, at every level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rerank_guard.stats import mean_confidence_sequence
from rerank_guard.stats.two_means import log_e_further_apart


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.25])
@pytest.mark.parametrize(("one", "other"), [(0.9, 0.3), (1.0, 0.0), (0.8, 0.5), (1.0, 0.6), (0.4, 0.0)])
def test_it_is_the_level_at_which_the_sequences_part(one, other, effect):
    """Just below that level they are further apart than the effect, and just above it they are not."""
    rng = np.random.default_rng(0)
    first, second = (rng.random(n) < mean for n, mean in ((120, one), (90, other)))
    first, second = first.astype(float), second.astype(float)
    log_e = log_e_further_apart(first, second, effect)
    if log_e == 0.0:
        assert first.mean() - second.mean() - effect < 0.1
        return
    for factor, apart in ((0.999, True), (1.001, False)):
        end = math.exp(-factor * log_e)
        if 1e-12 < end < 0.5:
            low, _ = mean_confidence_sequence(first, 1.0 - 2.0 * end)
            _, high = mean_confidence_sequence(second, 1.0 - 2.0 * end)
            assert (low - high > effect) is apart


def test_no_difference_and_the_other_direction_say_nothing():
    ones, zeros = np.ones(50), np.zeros(50)
    assert log_e_further_apart(ones, ones, 0.0) == 0.0
    assert log_e_further_apart(zeros, ones, 0.0) == 0.0
    assert log_e_further_apart(ones, np.full(50, 0.8), 0.2) == 0.0
    assert log_e_further_apart(ones, zeros, 0.25) > log_e_further_apart(ones, zeros, 0.5) > 10.0


def test_a_difference_of_the_effect_is_rejected_no_more_often_than_claimed():
    """Means of 0.5 and 0.3 with an effect of 0.2: 2 exp(-s) is at most the level in all but that share of draws."""
    rng = np.random.default_rng(1)
    draws = 2000
    rejected = sum(
        2.0 * math.exp(-log_e_further_apart((rng.random(40) < 0.5) * 1.0, (rng.random(40) < 0.3) * 1.0, 0.2)) <= 0.2
        for _ in range(draws)
    )
    assert rejected <= 0.2 * draws
