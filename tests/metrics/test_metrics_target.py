"""One target a user: counting in blocks, and every metric from two integers a user."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.metrics import (
    NDCG,
    AveragePrecision,
    Hit,
    Precision,
    Recall,
    ReciprocalRank,
    expected_hit_at_k,
    metric_summaries,
    metric_values,
    target_standing,
    tie_gap_at_k,
)
from rerank_guard.metrics.blocks import ValueReader
from rerank_guard.metrics.counting import RowCounter, count_true_bytewise, count_true_plain
from rerank_guard.metrics.relevance_blocks import count_by_comparing, count_by_sorting

METRICS = [
    *(kind(k) for kind in (Hit, Recall, Precision, ReciprocalRank) for k in (1, 5, 20)),
    ReciprocalRank(),
    NDCG("binary", 5),
    NDCG("linear"),
    AveragePrecision("m", 5),
    AveragePrecision("min(m, K)"),
]


def tied_scores(rng, users, width, dtype=np.float64):
    return rng.integers(-3, 4, (users, width)).astype(dtype)


def plain_counts(scores, target):
    own = scores[np.arange(len(scores)), target][:, None]
    return (scores > own).sum(axis=1), (scores == own).sum(axis=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 32), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_counting_by_words_is_counting(rows, words, share, seed):
    flags = np.random.default_rng(seed).random((rows, 8 * words)) < share
    flags[:, 255:] = False  # at most 255 a row
    by_words, one_by_one = np.full(rows, -1), np.full(rows, -1)
    count_true_bytewise(flags, by_words)
    count_true_plain(flags, one_by_one)
    np.testing.assert_array_equal(by_words, one_by_one)
    np.testing.assert_array_equal(by_words, flags.sum(axis=1))


@pytest.mark.parametrize("width", [1, 7, 8, 9, 50, 254, 255, 256, 257, 600])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32])
def test_above_and_tied_are_counted_at_every_width(width, dtype):
    rng = np.random.default_rng(width)
    scores = tied_scores(rng, 300, width, dtype)
    scores[0] = scores[0, 0]  # all level, so that the counters are full
    target = rng.integers(0, width, 300)
    standing = target_standing(scores, target)
    above, tied = plain_counts(scores, target)
    np.testing.assert_array_equal(standing.above, above)
    np.testing.assert_array_equal(standing.tied, tied)
    assert standing.tied[0] == width


@pytest.mark.parametrize("width", [3, 50, 300])
def test_comparing_and_sorting_count_the_same(width):
    rng = np.random.default_rng(width)
    block = tied_scores(rng, 100, width)
    block[::3, width // 2 :] = -np.inf  # padding
    position = rng.integers(0, width // 2, 100)
    compared = count_by_comparing(block, position, RowCounter(100, width))
    for one, everyone in zip(compared, count_by_sorting(block), strict=True):
        np.testing.assert_array_equal(one, everyone[np.arange(100), position])


@pytest.mark.parametrize("layout", ["matrix", "fortran", "strided", "rows", "ragged"])
def test_blocks_cover_every_user_once(layout):
    rng = np.random.default_rng(7)
    n_users, width = 30_000, 9
    scores = tied_scores(rng, n_users, width)
    target = rng.integers(0, 4, n_users)
    lengths = np.full(n_users, width) if layout != "ragged" else rng.integers(4, width + 1, n_users)
    lengths[12_345] = width
    masked = np.where(np.arange(width) < lengths[:, None], scores, -np.inf)
    wide = np.repeat(scores, 2, axis=1)
    given_as = {
        "matrix": scores,
        "fortran": np.asfortranarray(scores),
        "strided": wide[:, ::2],
        "rows": list(scores),
        "ragged": [row[:n] for row, n in zip(scores, lengths, strict=True)],
    }[layout]
    assert ValueReader(given_as).block_users < n_users / 3, "the test must cross several blocks"
    standing = target_standing(given_as, target)
    for counted, expected in zip((standing.above, standing.tied), plain_counts(masked, target), strict=True):
        np.testing.assert_array_equal(counted, expected)
    np.testing.assert_array_equal(standing.n_candidates, lengths)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_two_integers_a_user_give_what_the_relevant_candidates_give(users, width, seed):
    rng = np.random.default_rng(seed)
    scores, target = tied_scores(rng, users, width, np.float32), rng.integers(0, width, users)
    present = rng.random(users) < 0.8
    relevance = (np.arange(width) == target[:, None]) & present[:, None]
    standing = target_standing(scores, target, present=present)
    for policy in ("expected", "optimistic", "pessimistic"):
        general = metric_values(scores, relevance, METRICS, tie_policy=policy)
        for metric, values in zip(METRICS, general, strict=True):
            np.testing.assert_allclose(
                standing.values(metric, policy), values, atol=1e-12, err_msg=f"{metric} {policy}"
            )
    for one, several in zip(standing.summaries(METRICS), metric_summaries(scores, relevance, METRICS), strict=True):
        assert one.metric is several.metric
        assert one.n_users_with_relevant == several.n_users_with_relevant == present.sum()
        figures = [(s.mean, s.optimistic, s.pessimistic, s.tie_gap) for s in (one, several)]
        np.testing.assert_allclose(figures[0], figures[1], atol=1e-12, err_msg=str(one.metric))


def test_summaries_are_means_of_values_at_widths_too_large_for_a_table():
    rng = np.random.default_rng(11)
    scores, target = tied_scores(rng, 20, 1500), rng.integers(0, 1500, 20)
    standing = target_standing(scores, target)
    for summary in standing.summaries(METRICS):
        assert summary.mean == pytest.approx(standing.values(summary.metric).mean(), abs=1e-12)
        assert summary.conditional_mean == pytest.approx(summary.mean)


def test_hit_and_its_gap_are_those_of_the_functions():
    rng = np.random.default_rng(12)
    scores, target = tied_scores(rng, 200, 10), rng.integers(0, 10, 200)
    hit = target_standing(scores, target).summaries([Hit(3)])[0]
    assert hit.mean == pytest.approx(expected_hit_at_k(scores, target, 3).mean(), abs=1e-12)
    assert hit.tie_gap == pytest.approx(tie_gap_at_k(scores, target, 3), abs=1e-12)
    assert hit.tie_gap > 0.1


def test_a_missing_target_is_none_or_not_present():
    scores = np.array([[1.0, 2.0, 2.0]] * 3)
    with_none = target_standing(scores, [1, None, 0])
    masked = target_standing(scores, np.array([1, -7, 0]), present=np.array([True, False, True]))
    for standing in (with_none, masked):
        np.testing.assert_array_equal(standing.above, [0, 0, 2])
        np.testing.assert_array_equal(standing.tied, [2, 0, 1])
        np.testing.assert_array_equal(standing.present, [True, False, True])
        for policy in ("expected", "optimistic", "pessimistic"):
            assert standing.values(ReciprocalRank(), policy)[1] == 0.0, policy
    none_listed = target_standing(scores, [None] * 3).summaries([Hit(1)])[0]
    assert none_listed.mean == 0.0
    assert np.isnan(none_listed.conditional_mean)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_matrix_is_not_copied(dtype):
    scores = np.random.default_rng(1).random((100_000, 50)).astype(dtype)
    target = np.zeros(100_000, dtype=np.int64)
    tracemalloc.start()
    try:
        target_standing(scores, target).summaries(METRICS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < scores.nbytes / 2, f"{peak / 2**20:.1f} MiB beside a matrix of {scores.nbytes / 2**20:.1f} MiB"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("as_rows", [False, True])
def test_a_value_that_is_not_finite_is_found_in_any_block(bad, as_rows):
    scores = np.zeros((20_000, 20), np.float32)
    scores[[15_000, 19_999], 7] = bad
    scores[15_000, 9] = np.nan
    words = rf"scores of user row 15000 is {bad} at position 7 \(3 such values in 2 of 20000 rows\)"
    with pytest.raises(InvalidScoresError, match=words):
        target_standing(list(scores) if as_rows else scores, np.zeros(20_000, np.int64))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_value_that_is_not_finite_is_found(bad):
    scores = np.zeros((3, 4))
    scores[2, 1] = bad
    with pytest.raises(InvalidScoresError, match=rf"row 2 is {bad} at position 1 \(1 such"):
        target_standing(scores, [0, 0, 0])


def test_scores_that_overflow_when_added_up_are_finite():
    assert target_standing(np.full((2, 3), 3e38, np.float32), [0, 1]).tied.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("target", "present", "words"),
    [
        ([0.5], None, ["user row 0 is 0.5", "whole number"]),
        (np.array([np.nan]), None, ["user row 0 is", "nan"]),
        (np.array([2]), None, ["target_index 2", "its 2 candidates"]),
        (np.array([0, 1]), None, ["2 target_index for 1 users"]),
        (np.array([0]), np.array([1]), ["present", "int64", "boolean"]),
        (np.array([0]), np.array([True, True]), ["present", "(2,)"]),
    ],
)
def test_targets_outside_the_candidates_are_named(target, present, words):
    with pytest.raises(InvalidTaskError) as caught:
        target_standing(np.zeros((1, 2)), target, present=present)
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing from: {caught.value}"


def test_another_tie_policy_and_no_users_are_refused():
    standing = target_standing(np.zeros((1, 2)), [0])
    with pytest.raises(InvalidTaskError, match="'random'"):
        standing.values(Hit(1), "random")
    empty = target_standing([], [])
    assert empty.values(Hit(1)).shape == (0,)
    with pytest.raises(InvalidTaskError, match="no users"):
        empty.summaries([Hit(1)])
