"""Planned power: the exact distribution of the deciding user, against simulation, and against the figures promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.stats import (
    hits_needed,
    hits_tolerated,
    log_e_path_above,
    log_e_path_below,
    users_until,
    when_decided,
)

ALPHA = 1e-3


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.4])
def test_the_boundary_is_where_the_bets_cross(rate):
    needed, tolerated = hits_needed(rate, 120, ALPHA), hits_tolerated(rate, 120, ALPHA)
    for n in (1, 17, 60, 120):
        for hits, crosses in ((needed[n - 1], True), (needed[n - 1] - 1, False)):
            if 0 <= hits <= n:
                outcome = np.r_[np.ones(hits), np.zeros(n - hits)]
                assert (log_e_path_above(outcome, rate)[-1] >= math.log(1 / ALPHA)) is np.bool_(crosses)
        for hits, crosses in ((tolerated[n - 1], True), (tolerated[n - 1] + 1, False)):
            if 0 <= hits <= n:
                outcome = np.r_[np.ones(hits), np.zeros(n - hits)]
                assert (log_e_path_below(outcome, rate)[-1] >= math.log(1 / ALPHA)) is np.bool_(crosses)


@pytest.mark.parametrize(
    ("chance", "truth", "most"), [(0.05, 0.15, 108), (0.25, 0.45, 81), (0.4, 0.6, 94), (0.4, 0.5, 372)]
)
def test_median_users_to_pass_stay_within_a_tenth_of_the_oracle(chance, truth, most):
    passed, failed = when_decided(truth, hits_needed(chance, 900, ALPHA))
    assert users_until(0.5, passed) <= most
    assert failed[-1] == 0.0


def test_a_null_ranker_ever_passes_with_less_than_alpha_exactly():
    for chance in (0.05, 0.25, 0.4):
        passed, _ = when_decided(chance, hits_needed(chance, 2000, ALPHA))
        assert 1e-4 < passed[-1] <= ALPHA, "below alpha, and not by being blind"


def test_the_exact_distribution_agrees_with_simulation():
    needed, tolerated = hits_needed(0.25, 150, 0.05), hits_tolerated(0.3, 150, 0.05)
    passed, failed = when_decided(0.33, needed, tolerated)
    rng = np.random.default_rng(1)
    hits = np.cumsum(rng.random((20_000, 150)) < 0.33, axis=1)
    up = np.where((hits >= needed).any(axis=1), (hits >= needed).argmax(axis=1), 150)
    down = np.where((hits <= tolerated).any(axis=1), (hits <= tolerated).argmax(axis=1), 150)
    # five standard errors: a false alarm of 6e-7, and the seed is fixed
    for share, exact in (((up < down).mean(), passed[-1]), ((down < up).mean(), failed[-1])):
        assert share == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 20_000))


def test_a_healthy_ranker_is_never_failed_and_seldom_left_open():
    passed, failed = when_decided(0.45, hits_needed(0.25, 1000, ALPHA), hits_tolerated(0.3, 1000, ALPHA))
    assert failed[-1] < 1e-6
    assert 1 - passed[-1] < 0.02


def test_never_is_said_and_impossible_rates_are_refused():
    assert users_until(0.5, when_decided(0.25, hits_needed(0.25, 100, ALPHA))[0]) is None
    for rate in (0.0, 1.0):
        with pytest.raises(RerankGuardError, match="beaten"):
            hits_needed(rate, 10, ALPHA)
    with pytest.raises(RerankGuardError, match="level"):
        hits_needed(0.5, 10, 0.0)
