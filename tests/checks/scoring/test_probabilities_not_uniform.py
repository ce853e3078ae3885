"""probabilities_not_uniform: flat, filled-in and input-independent letters are told apart, and what must not matter does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy

from guard.builders import make_tasks
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.core.errors import InvalidScoresError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.verdict import Status


def sharp(n_tasks=200, n=50, scale=2.0, seed=0):
    return list(softmax(np.random.default_rng(seed).normal(scale=scale, size=(n_tasks, n)), axis=1))


def test_informed_probabilities_pass_with_figures_that_match_scipy():
    rows = sharp()
    verdict = probabilities_not_uniform(rows)
    assert verdict.status is Status.PASSED
    deficits = [1 - entropy(row) / math.log(50) for row in rows]
    assert verdict.measured["entropy_deficit"] == pytest.approx(np.mean(deficits), abs=1e-10)
    assert verdict.interval.low <= np.mean(deficits) <= verdict.interval.high
    assert verdict.interval.low > verdict.threshold["entropy_deficit"]
    assert verdict.interval.level == pytest.approx(0.998)
    assert verdict.signs == {"entropy_deficit": ">", "pair_share": ">", "users_exactly_uniform": "<="}
    assert verdict.measured["users_compared"] == 200


def test_each_task_is_measured_against_uniform_over_its_own_number_of_candidates():
    rows = [*sharp(n_tasks=50, n=5), *sharp(n_tasks=50, n=40)]
    deficits = [1 - entropy(row) / math.log(len(row)) for row in rows]
    measured = probabilities_not_uniform(rows).measured["entropy_deficit"]
    assert measured == pytest.approx(np.mean(deficits), abs=1e-10)


def test_the_input_dependent_share_of_two_tasks_is_their_jensen_shannon_divergence():
    rows = sharp(n_tasks=2, n=7)
    verdict = probabilities_not_uniform(rows)
    expected = jensenshannon(*rows) ** 2 / math.log(7)
    assert verdict.measured["input_dependent_share"] == pytest.approx(expected, abs=1e-10)
    assert verdict.measured["pair_share"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("n_tasks", "n"), [(500, 2), (30, 5), (500, 50)])
def test_near_uniform_probabilities_fail_for_every_n(n_tasks, n):
    verdict = probabilities_not_uniform(sharp(n_tasks=n_tasks, n=n, scale=0.02))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "no-signal"
    assert verdict.affected == Affected(n_tasks, n_tasks)
    assert verdict.p_failed <= 1e-3


def test_a_fixed_threshold_on_the_standard_deviation_would_pass_what_is_flat_and_fail_what_is_not():
    flat = sharp(n_tasks=100, n=2, scale=0.06)
    assert np.mean([row.std() for row in flat]) > 0.01
    assert probabilities_not_uniform(flat).status is Status.FAILED
    informed = sharp(n_tasks=300, n=52, scale=0.5)
    assert np.mean([row.std() for row in informed]) < 0.012
    assert probabilities_not_uniform(informed).status is Status.PASSED


@pytest.mark.parametrize(("dtype", "broken"), [(np.float64, 1), (np.float32, 60), (np.float64, 200)])
def test_exactly_uniform_tasks_are_a_fallback_however_few(dtype, broken):
    rows = [row.astype(dtype) for row in sharp()]
    for task in range(broken):
        rows[task] = np.full(50, 1 / 50, dtype=dtype)
    verdict = probabilities_not_uniform(rows)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "silent-fallback"
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.measured["users_exactly_uniform"] == broken
    assert verdict.affected == Affected(broken, 200)
    assert verdict.p_failed is None


@pytest.mark.parametrize(("n", "status"), [(3, Status.PASSED), (4, Status.FAILED)])
def test_up_to_three_candidates_may_tie_by_chance(n, status):
    rows = sharp(n_tasks=200, n=n)
    rows[3] = np.full(n, 1 / n)
    assert probabilities_not_uniform(rows).status is status


@pytest.mark.parametrize(("off", "n_uniform"), [(0.4e-9, 1), (0.6e-9, 0)])
def test_equal_is_within_a_billionth(off, n_uniform):
    rows = [*sharp(n_tasks=200, n=4), np.array([0.25 - off, 0.25, 0.25, 0.25 + off])]
    assert probabilities_not_uniform(rows).measured["users_exactly_uniform"] == n_uniform


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_the_same_letter_distribution_for_every_task_is_a_position_prior(jitter):
    rng = np.random.default_rng(0)
    prior = rng.normal(scale=2.0, size=20)
    rows = [softmax(prior[:n] + jitter * rng.normal(size=n)) for n in [20] * 150 + [10] * 50]
    verdict = probabilities_not_uniform(rows)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert f"position {prior.argmax()}: " in verdict.evidence[1], "the most likely letter at the commonest N"


def test_the_pairs_share_is_half_of_the_whole_share_as_its_threshold_is_half_of_the_effect():
    # 2000 pairs of seeded draws: the pairs' mean differs from its expectation by some 2 %
    measured = probabilities_not_uniform(sharp(n_tasks=4000, n=20, scale=0.2)).measured
    assert measured["pair_share"] == pytest.approx(measured["input_dependent_share"] / 2, rel=0.1)
    assert probabilities_not_uniform(sharp(30), effect=0.02).threshold["pair_share"] == pytest.approx(0.01)


@pytest.mark.parametrize(("n_tasks", "status"), [(200, Status.FAILED), (12, Status.INCONCLUSIVE)])
def test_a_position_prior_fails_only_where_enough_pairs_show_it(n_tasks, status):
    prior = np.random.default_rng(0).normal(scale=4.0, size=20)
    verdict = probabilities_not_uniform([softmax(prior)] * n_tasks)
    assert verdict.status is status
    assert verdict.fault == ("position-prior" if status is Status.FAILED else None)
    if n_tasks == 12:
        wanted = int(verdict.next_step.split()[1])
        assert probabilities_not_uniform([softmax(prior)] * wanted).status is Status.FAILED


def test_inputs_that_matter_by_chance_in_a_few_pairs_do_not_pass():
    rng = np.random.default_rng(0)
    prior = rng.normal(scale=2.0, size=20)
    rows = [softmax(prior + 0.4 * rng.normal(size=20)) for _ in range(14)]
    verdict = probabilities_not_uniform(rows)
    assert verdict.measured["input_dependent_share"] > 0.01, "the point estimate alone would pass"
    assert verdict.status is Status.INCONCLUSIVE
    many = [softmax(prior + 0.6 * rng.normal(size=20)) for _ in range(600)]
    assert probabilities_not_uniform(many).status is Status.PASSED


def test_a_share_can_reach_its_threshold_however_large_the_declared_effect():
    rows = sharp(n_tasks=400, n=50, scale=12.0)
    verdict = probabilities_not_uniform(rows, effect=0.6)
    assert verdict.threshold["pair_share"] == pytest.approx(math.log(2) / math.log(50) / 2)
    assert verdict.status is Status.PASSED


def test_rows_that_are_padded_or_missing_are_refused_where_the_tasks_are_known():
    rows = sharp(n_tasks=100, n=10)
    tasks = make_tasks([0] * 100, [10] * 100)
    assert probabilities_not_uniform(rows, tasks).status is Status.PASSED
    padded = [np.r_[row, np.zeros(10)] for row in rows]
    assert probabilities_not_uniform(padded).status is Status.PASSED, "not known by the rows alone"
    with pytest.raises(InvalidScoresError, match=r"shape \(20,\) for 10 candidates"):
        probabilities_not_uniform(padded, tasks)
    with pytest.raises(InvalidScoresError, match="99 rows for 100"):
        probabilities_not_uniform(rows[:99], tasks)


@pytest.mark.parametrize(("n_tasks", "scale"), [(7, 0.5), (4, 0.1)], ids=["above the effect", "below it"])
def test_few_tasks_are_inconclusive_and_say_how_many_would_do(n_tasks, scale):
    rows = sharp(n_tasks=n_tasks, n=20, scale=scale)
    verdict = probabilities_not_uniform(rows)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.suspects == ()
    wanted = int(verdict.next_step.split()[1])
    assert wanted > n_tasks
    later = probabilities_not_uniform(rows * math.ceil(1.5 * wanted / n_tasks)).interval
    assert later.low > 0.01 if scale == 0.5 else later.high < 0.01


def test_lists_that_all_differ_in_length_leave_the_inputs_part_open():
    rows = [sharp(n_tasks=1, n=n, scale=3.0)[0] for n in range(3, 43)]
    verdict = probabilities_not_uniform(rows)
    assert verdict.status is Status.INCONCLUSIVE
    assert (verdict.measured["pair_share"], verdict.measured["input_dependent_share"]) == (None, None)
    assert verdict.measured["users_compared"] == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 3.0), st.integers(2, 30))
def test_order_of_tasks_and_renaming_of_letters_do_not_matter(seed, scale, n):
    rng = np.random.default_rng(seed)
    rows = np.array(sharp(n_tasks=40, n=n, scale=scale, seed=seed))
    base = probabilities_not_uniform(list(rows))
    renamed = probabilities_not_uniform(list(rows[:, rng.permutation(n)]))
    assert (renamed.status, renamed.fault) == (base.status, base.fault)
    # who is paired with whom depends on the order, so a verdict on the edge may; what it rests on else does not
    shuffled = probabilities_not_uniform(list(rows[rng.permutation(40)]))
    assert {base.status, shuffled.status} != {Status.PASSED, Status.FAILED}
    for verdict in (renamed, shuffled):
        for name in ("entropy_deficit", "input_dependent_share"):
            assert verdict.measured[name] == pytest.approx(base.measured[name], abs=1e-10)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [np.array([0.5, np.nan])],
        [np.array([1.5, -0.5])],
        [np.array([1.0])],
        [np.array([])],
        [np.full((2, 2), 0.25)],
    ],
)
def test_what_is_no_distribution_is_an_error(rows):
    with pytest.raises(InvalidScoresError):
        probabilities_not_uniform(rows)


def test_settings_out_of_range_are_an_error():
    with pytest.raises(RerankGuardError, match="alpha=2"):
        probabilities_not_uniform(sharp(3), alpha=2)
    with pytest.raises(RerankGuardError, match="effect=1"):
        probabilities_not_uniform(sharp(3), effect=1.0)
