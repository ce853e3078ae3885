"""Several targets a user: hypergeometric counts, with ties, against enumeration; skewed positions; Holm."""

from __future__ import annotations

import math
from itertools import combinations, product
from statistics import NormalDist

import numpy as np
import pytest
from scipy.special import gammaln

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.stats import (
    holm,
    log_e_path_above,
    log_e_path_counts_above,
    log_e_path_uneven,
    log_e_value_uneven,
)
from rerank_guard.stats.skew import CONCENTRATIONS


def ints(*values):
    return np.array(values, dtype=np.int64)


def test_with_one_target_it_is_the_bet_on_a_hit():
    hits = ints(1, 0, 0, 1)
    n = ints(20, 10, 50, 20)
    path = log_e_path_counts_above(n, np.ones_like(n), 5, hits)
    np.testing.assert_allclose(path, log_e_path_above(hits.astype(float), 5 / n), atol=1e-10)


def test_with_several_targets_it_has_mean_one_over_all_random_orders():
    n, relevant, k = 6, {0, 2, 5}, 3
    tops = [len(relevant & set(top)) for top in combinations(range(n), k)]
    total = np.mean(
        [
            math.exp(log_e_path_counts_above(ints(n, n), ints(3, 3), k, ints(first, second))[-1])
            for first, second in product(tops, repeat=2)
        ]
    )
    assert total == pytest.approx(1.0, abs=1e-10)


def test_ties_across_the_cutoff_are_the_mean_over_the_ways_to_break_them():
    # one relevant certain; 4 tied, 2 of them relevant, 2 get in: 0, 1 or 2 more with 1/6, 4/6, 1/6
    tied = log_e_path_counts_above(ints(9), ints(3), 4, ints(1), ints(4), ints(2), ints(2))[0]
    broken = [log_e_path_counts_above(ints(9), ints(3), 4, ints(1 + more))[0] for more in (0, 1, 2)]
    assert math.exp(tied) == pytest.approx(np.exp(broken) @ [1 / 6, 4 / 6, 1 / 6], abs=1e-10)


def test_several_targets_decide_sooner_than_a_bet_on_their_share_does():
    rng = np.random.default_rng(0)
    n, m, k = np.full(400, 20), np.full(400, 4), 5
    counts = rng.hypergeometric(4, 16, 5, size=400) + (rng.random(400) < 0.25)
    counts = np.minimum(counts, 4)
    exact = log_e_path_counts_above(n, m, k, counts)[-1]
    bounded = log_e_path_above(counts / 4, 5 / 20)[-1]
    assert exact > bounded + 1.0


def test_users_without_a_target_change_nothing():
    path = log_e_path_counts_above(ints(10, 10), ints(1, 0), 3, ints(1, 0))
    assert path[1] == pytest.approx(path[0], abs=1e-12)


def test_skew_is_the_dirichlet_multinomial_ratio():
    counts = ints(5, 0, 2)
    a, n = CONCENTRATIONS, 7
    ratio = 3.0**n * np.exp(gammaln(3 * a) - gammaln(n + 3 * a) + sum(gammaln(c + a) - gammaln(a) for c in counts))
    assert log_e_value_uneven(counts) == pytest.approx(math.log(ratio.mean()), abs=1e-10)


def test_skew_as_a_path_ends_at_the_counts_and_has_mean_one_under_uniform_slots():
    positions = ints(0, 0, 2, 0, 1, 0)
    assert log_e_path_uneven(positions, 3)[-1] == pytest.approx(
        log_e_value_uneven(np.bincount(positions)), abs=1e-10
    )
    total = np.mean([math.exp(log_e_path_uneven(ints(*draw), 3)[-1]) for draw in product(range(3), repeat=5)])
    assert total == pytest.approx(1.0, abs=1e-10)


def test_a_skew_is_found_and_uniform_slots_are_not():
    rng = np.random.default_rng(1)
    skewed = rng.choice(20, size=500, p=np.r_[np.full(10, 0.075), np.full(10, 0.025)])
    assert log_e_path_uneven(skewed, 20).max() >= math.log(1000)
    # 300 seeded runs at alpha 0.01: 3 in expectation at most; 17 has p < 1e-7
    crossed = sum(log_e_path_uneven(rng.integers(20, size=300), 20).max() >= math.log(100) for _ in range(300))
    assert crossed <= 17


@pytest.mark.parametrize("counts", [[], [2, -1]])
def test_what_is_no_count_of_slots_is_refused(counts):
    with pytest.raises(RerankGuardError, match="counts"):
        log_e_value_uneven(ints(*counts))


def test_slots_outside_the_list_are_refused():
    with pytest.raises(RerankGuardError, match="0 to 5"):
        log_e_path_uneven(ints(0, 5), 5)


def test_holm_by_hand_and_in_any_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_holm_keeps_the_family_wise_error():
    # 4,000 seeded families of 8 correlated nulls at 0.05: 200 at most in expectation; 275 has p < 1e-7
    rng = np.random.default_rng(2)
    z = 0.6 * rng.normal(size=(4000, 1)) + 0.8 * rng.normal(size=(4000, 8))
    phi = NormalDist()
    wrong = sum(min(holm([1 - phi.cdf(value) for value in row])) <= 0.05 for row in z)
    assert 60 <= wrong <= 275
