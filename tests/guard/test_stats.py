"""The statistics against scipy, closed forms, brute force, and their own error rates."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, binomtest

from rerank_guard.errors import RerankGuardError
from rerank_guard.stats import (
    binomial_lower_tail,
    binomial_upper_tail,
    bounded_mean_interval,
    clopper_pearson,
    log_e_value_mean_above,
    log_e_value_mean_below,
    mcnemar_p_value,
    p_value_of,
    poisson_binomial_pmf,
    poisson_binomial_upper_tail,
    samples_to_bet_above,
    samples_to_bet_below,
    samples_to_reach,
    users_to_tell_apart,
)
from rerank_guard.stats.bounded_mean import STAKES

rates = st.lists(st.floats(0, 1), min_size=1, max_size=7)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (3, 10), (379, 943), (1, 1)])
@pytest.mark.parametrize("level", [0.9, 0.998])
def test_clopper_pearson_equals_scipy_and_inverts_the_tails(successes, n, level):
    low, high = clopper_pearson(successes, n, level)
    expected = binomtest(successes, n).proportion_ci(level, method="exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-10)
    if successes:
        assert binomial_upper_tail(successes, n, low) == pytest.approx((1 - level) / 2, abs=1e-10)
    if successes < n:
        assert binomial_lower_tail(successes, n, high) == pytest.approx((1 - level) / 2, abs=1e-10)


@pytest.mark.parametrize(("successes", "n", "level"), [(5, 4, 0.9), (-1, 4, 0.9), (0, 0, 0.9), (1, 4, 1.0)])
def test_clopper_pearson_refuses_what_is_no_count(successes, n, level):
    with pytest.raises(RerankGuardError):
        clopper_pearson(successes, n, level)


def test_binomial_tails_equal_the_sums():
    pmf = binom.pmf(np.arange(13), 12, 0.3)
    for hits in range(13):
        assert binomial_upper_tail(hits, 12, 0.3) == pytest.approx(pmf[hits:].sum(), abs=1e-10)
        assert binomial_lower_tail(hits, 12, 0.3) == pytest.approx(pmf[: hits + 1].sum(), abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(rates)
def test_poisson_binomial_equals_the_enumeration_of_all_outcomes(values):
    p = np.array(values)
    brute = np.zeros(len(p) + 1)
    for outcome in product([0, 1], repeat=len(p)):
        brute[sum(outcome)] += np.prod(np.where(outcome, p, 1 - p))
    np.testing.assert_allclose(poisson_binomial_pmf(p), brute, atol=1e-12)
    for hits in range(len(p) + 1):
        assert poisson_binomial_upper_tail(hits, p) == pytest.approx(brute[hits:].sum(), abs=1e-12)


def test_poisson_binomial_of_equal_rates_is_binomial_with_its_far_tail():
    p = np.full(400, 0.4)
    np.testing.assert_allclose(poisson_binomial_pmf(p), binom.pmf(np.arange(401), 400, 0.4), atol=1e-10)
    assert poisson_binomial_upper_tail(380, p) == pytest.approx(binom.sf(379, 400, 0.4), rel=1e-9), (
        "a tail of 1e-120 must keep its relative precision"
    )
    assert poisson_binomial_upper_tail(0, np.array([])) == 1.0


def test_binomial_of_the_mean_rate_bounds_the_lower_tail_of_unequal_rates():
    p = np.random.default_rng(0).uniform(0.05, 0.9, size=200)
    pmf = poisson_binomial_pmf(p)
    for hits in range(int(p.sum()) - 1):
        assert pmf[: hits + 1].sum() <= binomial_lower_tail(hits, 200, p.mean()) + 1e-12


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 0), (3, 3), (40, 12), (2, 9)])
def test_mcnemar_is_the_tail_of_a_fair_coin(wins, losses):
    assert mcnemar_p_value(wins, losses) == pytest.approx(binom.sf(wins - 1, wins + losses, 0.5), abs=1e-10)


def test_the_e_value_is_the_mean_wealth_of_the_fixed_bets():
    x, m = np.array([0.9, 0.2, 0.6, 1.0]), np.array([0.3, 0.5, 0.4, 0.25])
    wealths = [np.prod(1 + stake * (x - m) / 0.5) for stake in STAKES]
    assert log_e_value_mean_above(x, m) == pytest.approx(math.log(np.mean(wealths)), abs=1e-10)
    mirrored = [np.prod(1 + stake * (m - x) / 0.75) for stake in STAKES]
    assert log_e_value_mean_below(x, m) == pytest.approx(math.log(np.mean(mirrored)), abs=1e-10)


@pytest.mark.parametrize("means", [[0.3] * 6, [0.1, 0.5, 0.4, 0.2, 0.45, 0.15]])
def test_the_e_value_has_mean_one_under_the_null_exactly(means):
    m = np.array(means)
    total = sum(
        np.prod(np.where(outcome, m, 1 - m)) * math.exp(log_e_value_mean_above(np.array(outcome, float), m))
        for outcome in product([0, 1], repeat=len(m))
    )
    assert total == pytest.approx(1.0, abs=1e-10)


def test_the_e_value_has_mean_at_most_one_when_only_the_average_obeys_the_null():
    truth = np.array([0.9, 0.1, 0.8, 0.0, 0.3])  # averages 0.42
    total = sum(
        np.prod(np.where(outcome, truth, 1 - truth))
        * math.exp(log_e_value_mean_above(np.array(outcome, float), truth.mean()))
        for outcome in product([0, 1], repeat=5)
    )
    assert total <= 1.0 + 1e-12


def test_a_mean_of_zero_is_refuted_by_any_positive_value_alone():
    assert log_e_value_mean_above(np.zeros(3), 0.0) == 0.0
    assert log_e_value_mean_above(np.array([0.0, 1e-3]), 0.0) == math.inf
    assert p_value_of(math.inf) == 0.0
    assert p_value_of(-math.inf) == 1.0
    assert p_value_of(math.log(50)) == pytest.approx(0.02, abs=1e-12)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_values_outside_the_unit_interval_are_refused(value):
    with pytest.raises(RerankGuardError, match=r"numbers in \[0, 1\]"):
        log_e_value_mean_above(np.array([value]), 0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_interval_holds_the_mean_and_its_ends_are_where_the_bets_reject(values):
    x = np.array(values)
    low, high = bounded_mean_interval(x, 0.99)
    assert 0.0 <= low <= x.mean() + 1e-9
    assert x.mean() - 1e-9 <= high <= 1.0
    if low > 1e-6:
        assert log_e_value_mean_above(x, low) == pytest.approx(math.log(200), abs=1e-4)
    if high < 1 - 1e-6:
        assert log_e_value_mean_below(x, high) == pytest.approx(math.log(200), abs=1e-4)


def test_the_interval_is_blind_to_order_and_narrow_where_the_variance_is_small():
    rng = np.random.default_rng(0)
    x = np.clip(rng.normal(0.05, 0.01, size=200), 0, 1)
    low, high = bounded_mean_interval(x, 0.998)
    assert bounded_mean_interval(x[::-1], 0.998) == pytest.approx((low, high), abs=1e-9)
    hoeffding = math.sqrt(math.log(1000) / (2 * 200))
    assert high - x.mean() < hoeffding / 2, "the bet must adapt to the small variance"


def test_the_interval_misses_no_more_often_than_it_says():
    # 400 seeded samples at level 0.8, so at most 80 misses in expectation; 120 has probability < 1e-6
    rng = np.random.default_rng(7)
    missed, widths = 0, []
    for _ in range(400):
        low, high = bounded_mean_interval(rng.beta(0.5, 1.5, size=30), 0.8)
        missed += not low <= 0.25 <= high
        widths.append(high - low)
    assert missed <= 120
    assert np.mean(widths) < 0.4, "an interval that wide would decide nothing"


@pytest.mark.parametrize(("observed", "reference"), [(0.45, 0.25), (0.5, 0.4), (0.6, 0.4), (0.1, 0.02), (0.3, 0.4)])
def test_users_to_tell_apart_is_the_exact_number_with_a_margin_of_up_to_a_half(observed, reference):
    alpha = 1e-3

    def log_tail(n):
        hits = observed * n  # the tail at a fractional count, between its neighbours
        below, part = math.floor(hits), hits - math.floor(hits)
        tails = [
            binom.logsf(h - 1, n, reference) if observed > reference else binom.logcdf(h, n, reference)
            for h in (below, below + 1)
        ]
        return (1 - part) * tails[0] + part * tails[1] - math.log(alpha)

    exact = brentq(lambda n: log_tail(int(n)), 10, 5000)
    assert exact <= users_to_tell_apart(observed, reference, alpha) <= 1.5 * exact


def test_equal_rates_need_more_users_than_there_are():
    assert users_to_tell_apart(0.4, 0.4, 1e-3) is None
    assert samples_to_reach(-3.0, 10, 1e-3) is None
    assert samples_to_bet_above(np.full(10, 0.2), 0.4, 1e-3) is None


def test_the_announced_number_of_samples_does_decide():
    assert samples_to_reach(2.0, 10, 1e-3) == math.ceil(10 * math.log(1000) / 2)
    x = np.tile([0.2, 0.5, 0.3, 0.6], 5)
    above, below = samples_to_bet_above(x, 0.35, 1e-3), samples_to_bet_below(x, 0.45, 1e-3)
    assert log_e_value_mean_above(np.resize(x, 4 * math.ceil(above / 4)), 0.35) >= math.log(1000)
    assert log_e_value_mean_below(np.resize(x, 4 * math.ceil(below / 4)), 0.45) >= math.log(1000)
