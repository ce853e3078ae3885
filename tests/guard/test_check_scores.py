"""probabilities_not_uniform and scores_well_formed: sound twins, saboteurs, and what must not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy

from guard.builders import make_tasks, noisy_scores, random_tasks
from rerank_guard.checks import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.types import Item
from rerank_guard.verdict import Status


def sharp(users=200, n=50, scale=2.0, seed=0):
    return list(softmax(np.random.default_rng(seed).normal(scale=scale, size=(users, n)), axis=1))


def test_informed_probabilities_pass_with_figures_that_match_scipy():
    rows = sharp()
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.status is Status.PASSED
    deficits = [1 - entropy(row) / math.log(50) for row in rows]
    assert verdict.measured["entropy_deficit"] == pytest.approx(np.mean(deficits), abs=1e-10)
    assert verdict.interval.low <= np.mean(deficits) <= verdict.interval.high
    assert verdict.interval.low > verdict.threshold["entropy_deficit"]


def test_each_user_is_measured_against_uniform_over_their_own_number_of_candidates():
    rows = [*sharp(users=50, n=5), *sharp(users=50, n=40)]
    deficits = [1 - entropy(row) / math.log(len(row)) for row in rows]
    measured = check_probabilities_not_uniform(rows).measured["entropy_deficit"]
    assert measured == pytest.approx(np.mean(deficits), abs=1e-10)


def test_the_input_dependent_share_of_two_users_is_their_jensen_shannon_divergence():
    rows = sharp(users=2, n=7)
    verdict = check_probabilities_not_uniform(rows)
    expected = jensenshannon(*rows) ** 2 / math.log(7)
    assert verdict.measured["input_dependent_share"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("n", [2, 5, 20, 50])
@pytest.mark.parametrize("users", [30, 500])
def test_near_uniform_probabilities_fail_for_every_n(n, users):
    verdict = check_probabilities_not_uniform(sharp(users=users, n=n, scale=0.02))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "no-signal"


def test_a_fixed_threshold_on_the_standard_deviation_would_pass_what_is_flat_and_fail_what_is_not():
    flat = sharp(users=100, n=2, scale=0.06)
    assert np.mean([row.std() for row in flat]) > 0.01
    assert check_probabilities_not_uniform(flat).status is Status.FAILED
    informed = sharp(users=300, n=52, scale=0.5)
    assert np.mean([row.std() for row in informed]) < 0.012
    assert check_probabilities_not_uniform(informed).status is Status.PASSED


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("broken", [1, 60, 200])
def test_exactly_uniform_users_are_a_fallback_however_few(dtype, broken):
    rows = [row.astype(dtype) for row in sharp()]
    for user in range(broken):
        rows[user] = np.full(50, 1 / 50, dtype=dtype)
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "silent-fallback"
    assert verdict.measured["users_exactly_uniform"] == broken
    assert f"{broken} of 200" in verdict.evidence[0]


def test_two_candidates_that_tie_by_chance_are_no_fallback():
    rows = sharp(users=200, n=2)
    rows[3] = np.array([0.5, 0.5])
    assert check_probabilities_not_uniform(rows).status is Status.PASSED


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_the_same_letter_distribution_for_every_user_is_a_position_prior(jitter):
    rng = np.random.default_rng(0)
    prior = rng.normal(scale=2.0, size=20)
    rows = [softmax(prior[:n] + jitter * rng.normal(size=n)) for n in [20] * 150 + [10] * 50]
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert "the same letter distribution for every user" in verdict.evidence


def test_the_pairs_share_is_half_of_the_whole_share_as_its_threshold_is_half_of_the_effect():
    # 2000 pairs of seeded draws: the pairs' mean strays from its expectation by some 2 %
    measured = check_probabilities_not_uniform(sharp(users=4000, n=20, scale=0.2)).measured
    assert measured["pair_share"] == pytest.approx(measured["input_dependent_share"] / 2, rel=0.1)
    rows = sharp(users=2, n=7)
    pair = check_probabilities_not_uniform(rows).measured["pair_share"]
    assert pair == pytest.approx(jensenshannon(*rows) ** 2 / math.log(7), abs=1e-10)


@pytest.mark.parametrize(("users", "status"), [(200, Status.FAILED), (12, Status.INCONCLUSIVE)])
def test_a_position_prior_fails_only_where_enough_pairs_show_it(users, status):
    prior = np.random.default_rng(0).normal(scale=4.0, size=20)
    verdict = check_probabilities_not_uniform([softmax(prior)] * users)
    assert verdict.status is status
    assert verdict.fault == ("position-prior" if status is Status.FAILED else None)
    if users == 12:
        assert "whether the input matters is open" in verdict.cause
        assert "users in such pairs" in verdict.next_step


def test_inputs_that_matter_by_luck_of_a_few_pairs_do_not_pass():
    rng = np.random.default_rng(0)
    prior = rng.normal(scale=2.0, size=20)
    rows = [softmax(prior + 0.4 * rng.normal(size=20)) for _ in range(14)]
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.measured["input_dependent_share"] > 0.01, "the point estimate alone would pass"
    assert verdict.status is Status.INCONCLUSIVE
    many = [softmax(prior + 0.6 * rng.normal(size=20)) for _ in range(600)]
    assert check_probabilities_not_uniform(many).status is Status.PASSED


def test_a_share_can_reach_its_threshold_however_large_the_declared_effect():
    rows = sharp(users=400, n=50, scale=12.0)
    verdict = check_probabilities_not_uniform(rows, effect=0.6)
    assert verdict.threshold["pair_share"] == pytest.approx(math.log(2) / math.log(50) / 2)
    assert verdict.status is Status.PASSED


def test_rows_that_are_padded_or_missing_are_refused_when_the_number_of_candidates_is_known():
    rows = sharp(users=100, n=10)
    assert check_probabilities_not_uniform(rows, n_candidates=[10] * 100).status is Status.PASSED
    padded = [np.r_[row, np.zeros(10)] for row in rows]
    assert check_probabilities_not_uniform(padded).status is Status.PASSED, "not known by the rows alone"
    with pytest.raises(InvalidScoresError, match=r"shape \(20,\) for 10 candidates"):
        check_probabilities_not_uniform(padded, n_candidates=[10] * 100)
    with pytest.raises(InvalidScoresError, match="99 rows for 100 users"):
        check_probabilities_not_uniform(rows[:99], n_candidates=[10] * 100)


def test_few_users_are_inconclusive_and_say_how_many_would_do():
    rows = [*sharp(users=4, n=20, scale=0.5), *sharp(users=3, n=20, scale=0.05)]
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.status is Status.INCONCLUSIVE
    assert "users at this rate would decide (now 7)" in verdict.next_step


def test_lists_that_all_differ_in_length_leave_the_inputs_part_open():
    rows = [sharp(users=1, n=n, scale=3.0)[0] for n in range(3, 43)]
    verdict = check_probabilities_not_uniform(rows)
    assert verdict.status is Status.INCONCLUSIVE
    assert "same number of candidates" in verdict.cause


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 3.0), st.integers(2, 30))
def test_order_of_users_and_renaming_of_letters_do_not_matter(seed, scale, n):
    rng = np.random.default_rng(seed)
    rows = np.array(sharp(users=40, n=n, scale=scale, seed=seed))
    base = check_probabilities_not_uniform(list(rows))
    renamed = check_probabilities_not_uniform(list(rows[:, rng.permutation(n)]))
    assert (renamed.status, renamed.fault) == (base.status, base.fault)
    # who is paired with whom depends on the order, so a verdict on the edge may; what it rests on else does not
    shuffled = check_probabilities_not_uniform(list(rows[rng.permutation(40)]))
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
        [np.array([0.4, 0.4])],
        [np.array([1.0])],
        [np.array([])],
        [np.full((2, 2), 0.25)],
    ],
)
def test_what_is_no_distribution_is_an_error(rows):
    with pytest.raises(InvalidScoresError):
        check_probabilities_not_uniform(rows)


def test_distinct_scores_are_well_formed():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20, 30, 50] * 20)
    verdict = check_scores_well_formed(noisy_scores(tasks, rng, 1.0), tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["tie_gap"] == 0.0


@pytest.mark.parametrize("slots", [[0] * 60, [None] * 60])
def test_constant_scores_are_decided_by_ties_wherever_the_target_stands(slots):
    verdict = check_scores_well_formed([np.full(20, 0.05)] * 60, make_tasks(slots, [20] * 60))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "ties-decide"
    assert verdict.measured["users_with_constant_scores"] == 60


def test_coarsely_rounded_scores_are_decided_by_ties():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [50] * 60)
    rows = noisy_scores(tasks, rng, 1.0)
    assert check_scores_well_formed([row.round(6) for row in rows], tasks).status is Status.PASSED
    verdict = check_scores_well_formed([row.round(0) for row in rows], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "ties-decide")


def test_constant_scores_for_some_users_are_a_fallback():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20] * 60)
    rows = noisy_scores(tasks, rng, 1.0)
    rows[::5] = [np.zeros(20)] * 12
    verdict = check_scores_well_formed(rows, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert "20 of 20 candidates" in verdict.evidence[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_fail_by_query_and_slot(value):
    tasks = make_tasks([1, 2], [3, 4])
    verdict = check_scores_well_formed([np.arange(3.0), np.array([0.0, 1.0, value, 3.0])], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-nan")
    assert "'user-1'" in verdict.evidence[0]
    assert "slot 2" in verdict.evidence[0]


def test_scores_of_another_shape_are_an_error():
    tasks = make_tasks([1, 2], [3, 4])
    for rows in (
        [np.zeros(3)],
        [np.zeros(3), np.zeros(3)],
        [np.zeros(3), np.zeros((4, 1))],
        [np.zeros(3), ["x"] * 4],
    ):
        with pytest.raises(InvalidScoresError):
            check_scores_well_formed(rows, tasks)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_scores_well_formed([], [])


@pytest.mark.parametrize("as_given", [lambda row: row, softmax, lambda row: np.float64(np.float16(row))])
def test_one_row_for_tasks_of_different_candidates_is_a_row_of_another_task(as_given):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20] * 200)
    rows = [as_given(row) for row in noisy_scores(tasks, rng, 1.0)]
    assert check_scores_well_formed(rows, tasks).status is Status.PASSED
    by_user = [rows[index // 2] for index in range(200)]
    fallback = [rows[0] if index % 10 == 0 else row for index, row in enumerate(rows)]
    for spoiled in (by_user, fallback):
        verdict = check_scores_well_formed(spoiled, tasks)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "rows-misaligned")
        assert "same row" in verdict.cause


def test_ranks_that_coincide_and_one_row_for_all_are_not_called_misaligned():
    rng = np.random.default_rng(0)
    for n in (3, 8):
        tasks = random_tasks(rng, [n] * 400)
        ranks = [np.argsort(np.argsort(row)).astype(float) for row in noisy_scores(tasks, rng, 1.0)]
        assert check_scores_well_formed(ranks, tasks).status is Status.PASSED
    tasks = random_tasks(rng, [20] * 100)
    assert check_scores_well_formed([rng.normal(size=20)] * 100, tasks).status is Status.PASSED


def test_users_of_whom_nothing_is_known_may_have_one_row():
    """History times candidate is the letters' own preference for each of them."""
    rng = np.random.default_rng(8)
    tasks = [
        replace(task, history=(Item("seen", "Seen Film"),) if user >= 20 else ())
        for user, task in enumerate(random_tasks(rng, [20] * 400))
    ]
    scores = noisy_scores(tasks, rng, 1.0)
    cold = [scores[0] if user < 20 else row for user, row in enumerate(scores)]
    assert check_scores_well_formed(cold, tasks).status is Status.PASSED
    warm = [scores[20] if 20 <= user < 40 else row for user, row in enumerate(scores)]
    assert check_scores_well_formed(warm, tasks).fault == "rows-misaligned"
