"""Tie-aware metrics against brute force over all orders of the tied candidates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, VacuousMetricError
from rerank_guard.metrics import (
    as_probability_matrix,
    as_score_matrix,
    expected_hit_at_k,
    hit_rate_at_k,
    recall_at_k,
    require_informative_cutoff,
    tie_gap_at_k,
    tied_with_target,
)

small_rows = st.lists(st.integers(0, 3), min_size=2, max_size=6)


def brute_force_tops(scores, k):
    """Every order that sorts the scores, ties in all ways, as sets of the top k; all equally likely."""
    n = len(scores)
    orders = [p for p in permutations(range(n)) if all(scores[p[i]] >= scores[p[i + 1]] for i in range(n - 1))]
    return [set(order[:k]) for order in orders]


@settings(max_examples=60, deadline=None)
@given(small_rows, st.integers(1, 6), st.data())
def test_expected_hit_is_the_mean_over_all_tie_orders(row, k, data):
    target = data.draw(st.integers(0, len(row) - 1))
    tops = brute_force_tops(row, k)
    brute = np.mean([target in top for top in tops])
    assert expected_hit_at_k([np.array(row, float)], [target], k)[0] == pytest.approx(brute, abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(small_rows, st.integers(1, 6), st.data())
def test_recall_and_hit_rate_are_means_over_all_tie_orders(row, k, data):
    relevant = np.array(data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row))))
    wanted = set(np.flatnonzero(relevant).tolist())
    tops = brute_force_tops(row, k)
    recall = np.mean([len(wanted & top) / max(len(wanted), 1) for top in tops])
    hit = np.mean([bool(wanted & top) for top in tops])
    scores = [np.array(row, float)]
    assert recall_at_k(scores, [relevant], k)[0] == pytest.approx(recall, abs=1e-10)
    assert hit_rate_at_k(scores, [relevant], k)[0] == pytest.approx(hit, abs=1e-10)


def test_with_one_relevant_candidate_all_three_metrics_agree_on_ragged_lists():
    rng = np.random.default_rng(0)
    lengths = [3, 7, 5, 7, 2]
    scores = [rng.integers(0, 3, size=n).astype(float) for n in lengths]
    targets = [int(rng.integers(n)) for n in lengths]
    relevant = [np.arange(n) == target for n, target in zip(lengths, targets, strict=True)]
    for k in (1, 2, 4):
        hits = expected_hit_at_k(scores, targets, k)
        np.testing.assert_allclose(recall_at_k(scores, relevant, k), hits, atol=1e-12)
        np.testing.assert_allclose(hit_rate_at_k(scores, relevant, k), hits, atol=1e-12)


def test_hit_rate_is_not_recall_with_several_relevant():
    scores, relevant = [np.array([3.0, 2.0, 1.0, 0.0])], [np.array([True, False, False, True])]
    assert hit_rate_at_k(scores, relevant, 1)[0] == 1.0
    assert recall_at_k(scores, relevant, 1)[0] == 0.5


def test_constant_scores_give_exactly_chance_and_the_widest_tie_gap():
    scores = [np.zeros(50)] * 3
    np.testing.assert_allclose(expected_hit_at_k(scores, [0, 25, 49], 20), 0.4, atol=1e-15)
    assert tie_gap_at_k(scores, [0, 25, 49], 20) == 1.0
    np.testing.assert_allclose(tied_with_target(scores, [0, 25, 49]), 1.0)


def test_tie_gap_is_optimistic_minus_pessimistic_and_averages_to_the_tied_share():
    rng = np.random.default_rng(1)
    scores = [rng.integers(0, 4, size=6).astype(float) for _ in range(30)]
    targets = [int(rng.integers(6)) for _ in range(30)]
    gaps = []
    for k in range(1, 6):
        sets = [brute_force_tops(row, k) for row in scores]
        best = np.mean([any(t in top for top in tops) for t, tops in zip(targets, sets, strict=True)])
        worst = np.mean([all(t in top for top in tops) for t, tops in zip(targets, sets, strict=True)])
        assert tie_gap_at_k(scores, targets, k) == pytest.approx(best - worst, abs=1e-12)
        gaps.append(best - worst)
    assert tied_with_target(scores, targets).mean() == pytest.approx(np.mean(gaps), abs=1e-12)


def test_a_missing_target_is_a_miss():
    np.testing.assert_array_equal(expected_hit_at_k([np.arange(4.0)] * 2, [3, None], 1), [1.0, 0.0])


@settings(max_examples=50, deadline=None)
@given(small_rows, st.integers(1, 5), st.data())
def test_hits_do_not_depend_on_scale_or_candidate_order(row, k, data):
    order = data.draw(st.permutations(range(len(row))))
    scores = np.array(row, float)
    base = expected_hit_at_k([scores], [0], k)
    np.testing.assert_allclose(expected_hit_at_k([np.exp(2 * scores) - 7], [0], k), base, atol=1e-12)
    np.testing.assert_allclose(expected_hit_at_k([scores[list(order)]], [order.index(0)], k), base, atol=1e-12)


def test_score_matrix_pads_with_minus_infinity_and_widens_float32():
    matrix, n = as_score_matrix([np.array([1, 2], np.float32), np.array([3.0, 4.0, 5.0])], [2, 3])
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, [[1, 2, -np.inf], [3, 4, 5]])
    np.testing.assert_array_equal(n, [2, 3])


@pytest.mark.parametrize(
    ("scores", "lengths", "words"),
    [
        ([np.array([1.0, np.nan])], [2], ["user row 0", "nan", "position 1", "finite"]),
        ([np.zeros(2), np.array([np.inf, 0.0])], [2, 2], ["user row 1", "inf", "position 0"]),
        ([np.array([-np.inf, 0.0])], [2], ["-inf"]),
        ([np.zeros(3)], [2], ["(3,)", "2 candidates", "(2,)"]),
        ([np.zeros((2, 1))], [2], ["(2, 1)", "(2,)"]),
        ([np.zeros(2)], [2, 2], ["1 rows for 2 users"]),
        ([["a", "b"]], [2], ["user row 0", "float64"]),
        ([[[1.0], [1.0, 2.0]]], [2], ["float64"]),
        ([[1 + 2j, 0j]], [2], ["float64"]),
    ],
)
def test_malformed_scores_are_named_with_row_value_and_fix(scores, lengths, words):
    with pytest.raises(InvalidScoresError) as caught:
        as_score_matrix(scores, lengths)
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing from: {caught.value}"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([np.array([0.5, 0.6])], ["sum to 1.1", "softmax"]),
        ([np.array([1.2, -0.2])], ["-0.2", "position 1", "not negative"]),
        ([np.array([np.nan, 1.0])], ["nan"]),
        ([np.array([1.0])], ["at least 2"]),
        ([np.full((2, 2), 0.25)], ["(2, 2)"]),
    ],
)
def test_malformed_probabilities_are_named(rows, words):
    with pytest.raises(InvalidScoresError) as caught:
        as_probability_matrix(rows)
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing from: {caught.value}"


@pytest.mark.parametrize("index", [-1, 4, 10])
def test_a_target_outside_the_candidates_is_an_error(index):
    with pytest.raises(InvalidTaskError, match=rf"target_index {index} of user row 0.*0 to 3"):
        expected_hit_at_k([np.zeros(4)], [index], 1)


def test_one_target_index_a_user():
    with pytest.raises(InvalidTaskError, match="2 target_index for 1 users"):
        expected_hit_at_k([np.zeros(4)], [0, 1], 1)


@pytest.mark.parametrize("k", [50, 51, 100])
def test_a_cutoff_that_cannot_fail_is_refused(k):
    with pytest.raises(VacuousMetricError, match=rf"Recall@{k} with at most 50 candidates"):
        require_informative_cutoff(k, [50, 20, 50])


def test_cutoffs_at_the_edges():
    require_informative_cutoff(49, [50, 20])
    with pytest.raises(VacuousMetricError, match="K=0"):
        require_informative_cutoff(0, [20])
    with pytest.raises(InvalidTaskError, match="no tasks"):
        require_informative_cutoff(1, [])
