"""The bets against closed forms, enumeration of all outcomes, and their own error rates."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rerank_guard.core.errors import InvalidScoresError, RerankGuardError
from rerank_guard.stats import (
    first_crossing,
    log_e_path_above,
    log_e_path_below,
    log_e_path_better,
    log_e_path_worse_than,
    log_e_value_above,
    log_e_value_below,
    look_times,
    mean_confidence_sequence,
    p_value_of,
    samples_to_bet_above,
    samples_to_bet_below,
    samples_to_reach,
)
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR

ALPHA = 1e-3
unit = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_the_prior_is_a_distribution_around_the_effects_that_rerankers_show():
    assert np.exp(LOG_PRIOR).sum() == pytest.approx(1.0, abs=1e-12)
    assert 0.6 < LOG_ODDS[LOG_PRIOR.argmax()] < 1.0


def test_on_hits_each_bet_is_the_likelihood_ratio_of_the_rate_with_shifted_log_odds():
    hits, chance = np.array([1.0, 0.0, 0.0, 1.0, 1.0]), 0.25
    shifted = 1 / (1 + (1 - chance) / chance * np.exp(-LOG_ODDS))
    for n in range(1, 6):
        h = int(hits[:n].sum())
        ratios = binom.logpmf(h, n, shifted) - binom.logpmf(h, n, chance)
        expected = np.logaddexp.reduce(ratios + LOG_PRIOR)
        assert log_e_path_above(hits, chance)[n - 1] == pytest.approx(expected, abs=1e-10)


def test_on_bounded_values_each_bet_is_the_textbook_stake():
    x, m = np.array([0.9, 0.2, 0.6, 1.0]), np.array([0.3, 0.5, 0.4, 0.25])
    stakes = np.expm1(LOG_ODDS)[:, None] / (1 + m * np.expm1(LOG_ODDS)[:, None])
    wealth = np.prod(1 + stakes * (x - m), axis=1)
    assert log_e_path_above(x, m)[-1] == pytest.approx(math.log(wealth @ np.exp(LOG_PRIOR)), abs=1e-10)
    np.testing.assert_allclose(log_e_path_below(x, m), log_e_path_above(1 - x, 1 - m), atol=1e-12)


@pytest.mark.parametrize("means", [[0.3] * 6, [0.1, 0.5, 0.4, 0.2, 0.45, 0.15]])
def test_under_the_null_the_e_value_has_mean_one_exactly_at_every_moment(means):
    m, total = np.array(means), np.zeros(len(means))
    for outcome in product([0.0, 1.0], repeat=len(m)):
        probability = np.prod(np.where(np.array(outcome) == 1, m, 1 - m))
        total += probability * np.exp(log_e_path_above(np.array(outcome), m))
    np.testing.assert_allclose(total, 1.0, atol=1e-10)


def test_with_one_mean_for_all_it_is_enough_that_the_average_obeys_the_null():
    truth = np.array([0.9, 0.1, 0.8, 0.0, 0.3])  # averages 0.42
    total = sum(
        np.prod(np.where(outcome, truth, 1 - truth))
        * math.exp(log_e_path_above(np.array(outcome, float), truth.mean())[-1])
        for outcome in product([0, 1], repeat=5)
    )
    assert total <= 1.0 + 1e-12


def test_a_random_ranking_under_a_look_after_every_user_passes_no_more_often_than_alpha():
    # 1,500 seeded runs at alpha 0.05: 75 crossings at most in expectation; more than 122 has probability < 2e-7
    rng = np.random.default_rng(3)
    crossed = 0
    for _ in range(1500):
        crossed += log_e_path_above((rng.random(200) < 0.25).astype(float), 0.25).max() >= math.log(20)
    assert 15 <= crossed <= 122, "an e-process that never rejects would be no test either"


def test_many_looks_do_not_change_what_is_seen_at_a_look():
    rng = np.random.default_rng(0)
    x = (rng.random(70_000) < 0.26).astype(float)
    path, looks = log_e_path_above(x, 0.25), look_times(70_000)
    assert looks[-1] == 70_000
    assert len(path) == len(looks) < 6000
    for at in (1, 4096, len(looks)):
        n = int(looks[at - 1])
        h = x[:n].sum()
        per_hit, per_miss = LOG_ODDS - np.log1p(0.25 * np.expm1(LOG_ODDS)), -np.log1p(0.25 * np.expm1(LOG_ODDS))
        expected = np.logaddexp.reduce(LOG_PRIOR + h * per_hit + (n - h) * per_miss)
        assert path[at - 1] == pytest.approx(expected, abs=1e-8)


def test_first_crossing_names_the_user():
    x = np.ones(30)
    path = log_e_path_above(x, 0.25)
    users = first_crossing(path, 30, ALPHA)
    assert path[users - 2] < math.log(1000) <= path[users - 1]
    assert first_crossing(path[:3], 3, ALPHA) is None


def test_after_all_values_their_order_does_not_matter():
    rng = np.random.default_rng(1)
    x, m = rng.random(50), rng.uniform(0.1, 0.6, size=50)
    order = rng.permutation(50)
    assert log_e_value_above(x, m) == pytest.approx(log_e_path_above(x, m)[-1], abs=1e-10)
    assert log_e_value_above(x[order], m[order]) == pytest.approx(log_e_value_above(x, m), abs=1e-10)
    assert log_e_value_above(x[:0], 0.3) == pytest.approx(0.0, abs=1e-12)


def test_a_mean_of_zero_is_refuted_by_any_positive_value_alone():
    assert log_e_value_above(np.zeros(3), 0.0) == 0.0
    assert log_e_value_above(np.array([0.0, 1e-3]), 0.0) == math.inf
    assert log_e_value_below(np.array([1.0, 0.999]), 1.0) == math.inf
    assert p_value_of(math.inf) == 0.0
    assert p_value_of(-1.0) == 1.0
    assert p_value_of(math.log(50)) == pytest.approx(0.02, abs=1e-12)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_values_outside_the_unit_interval_are_refused(value):
    with pytest.raises(RerankGuardError, match=r"numbers in \[0, 1\]"):
        log_e_value_above(np.array([value]), 0.5)


def test_paired_bets_see_only_the_users_on_whom_the_two_differ():
    first = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    second = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    differing = log_e_path_above(np.array([1.0, 1.0]), 0.5)  # two wins against a fair coin
    path = log_e_path_better(first, second)
    assert path[-1] == pytest.approx(differing[-1], abs=1e-10)
    assert path[0] == pytest.approx(0.0, abs=1e-12)
    assert log_e_path_worse_than(second, first, 0.2)[-1] > 0 > log_e_path_worse_than(first, second, 0.2)[-1]
    with pytest.raises(InvalidScoresError, match="same users"):
        log_e_path_better(first, second[:3])


@settings(max_examples=30, deadline=None)
@given(unit)
def test_the_confidence_sequence_holds_the_mean_and_ends_where_the_bets_reject(values):
    x = np.array(values)
    low, high = mean_confidence_sequence(x, 0.99)
    assert 0.0 <= low <= x.mean() + 1e-9
    assert x.mean() - 1e-9 <= high <= 1.0
    if 1e-6 < low < x.mean() - 1e-6:
        assert log_e_value_above(x, low) == pytest.approx(math.log(200), abs=1e-4)
    if x.mean() + 1e-6 < high < 1 - 1e-6:
        assert log_e_value_below(x, high) == pytest.approx(math.log(200), abs=1e-4)


def test_the_confidence_sequence_shrinks_and_adapts_to_a_small_variance():
    rng = np.random.default_rng(0)
    x = np.clip(rng.normal(0.05, 0.01, size=400), 0, 1)
    wide, narrow = mean_confidence_sequence(x[:200], 0.998), mean_confidence_sequence(x, 0.998)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    hoeffding = math.sqrt(math.log(1000) / (2 * 400))
    assert narrow[1] - x.mean() < hoeffding / 2


def test_intervals_taken_at_many_moments_cover_together():
    # 80 seeded samples at level 0.8, each looked at 5 times: at most 16 misses in expectation; 35 or more have p < 2e-6
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(80):
        x = rng.beta(0.5, 1.5, size=60)
        looks = [mean_confidence_sequence(x[:n], 0.8) for n in range(12, 61, 12)]
        missed += any(not low <= 0.25 <= high for low, high in looks)
    assert missed <= 34


def test_the_announced_number_of_samples_does_decide():
    assert samples_to_reach(2.0, 10, ALPHA) == math.ceil(10 * math.log(1000) / 2)
    assert samples_to_reach(-3.0, 10, ALPHA) is None
    assert samples_to_bet_above(np.full(10, 0.2), 0.4, ALPHA) is None
    x = np.tile([0.2, 0.5, 0.3, 0.6], 5)
    above, below = samples_to_bet_above(x, 0.35, ALPHA), samples_to_bet_below(x, 0.45, ALPHA)
    for needed, log_e in ((above, log_e_value_above), (below, log_e_value_below)):
        mean = 0.35 if log_e is log_e_value_above else 0.45
        assert log_e(np.resize(x, 4 * math.ceil(needed / 4)), mean) >= math.log(1000)
        assert log_e(np.resize(x, needed // 2), mean) < math.log(1000), "half of it would have been advice enough"
