"""Every metric, in every tie policy, against brute force over all orders of the tied candidates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, VacuousMetricError
from rerank_guard.metrics import (
    NDCG,
    AveragePrecision,
    Hit,
    Precision,
    Recall,
    ReciprocalRank,
    average_precision_at_k,
    hit_rate_at_k,
    metric_summaries,
    metric_values,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    recall_ceiling_at_k,
    reciprocal_rank_at_k,
    relevance_blocks,
    top_k_counts,
)

GAINS = {"binary": lambda g: float(g > 0), "linear": float, "exponential": lambda g: 2.0**g - 1.0}


def every_order(scores):
    """Every order that sorts the scores; all equally likely."""
    n = len(scores)
    return [p for p in permutations(range(n)) if all(scores[p[i]] >= scores[p[i + 1]] for i in range(n - 1))]


def plain(metric, grades):
    """A metric of grades listed from rank 1 on, straight from its definition."""
    k = len(grades) if metric.k is None else metric.k
    top, m = grades[:k], sum(g > 0 for g in grades)
    found = [i for i, g in enumerate(top) if g > 0]
    if m == 0:
        return 0.0
    match metric:
        case Hit():
            return float(bool(found))
        case Recall():
            return len(found) / m
        case Precision():
            return len(found) / k
        case ReciprocalRank():
            return 1.0 / (found[0] + 1) if found else 0.0
        case AveragePrecision():
            return sum((j + 1) / (i + 1) for j, i in enumerate(found)) / (
                m if metric.denominator == "m" else min(m, k)
            )
        case NDCG():
            gain = GAINS[metric.gain]
            best = sorted(grades, reverse=True)[:k]
            return sum(gain(g) / np.log2(i + 2) for i, g in enumerate(top)) / sum(
                gain(g) / np.log2(i + 2) for i, g in enumerate(best)
            )


def all_metrics(k):
    at_k = [Hit(k), Recall(k), Precision(k), ReciprocalRank(k)]
    at_k += [NDCG(gain, k) for gain in GAINS] + [AveragePrecision(d, k) for d in ("m", "min(m, K)")]
    return [*at_k, ReciprocalRank(), NDCG("linear"), AveragePrecision("m")]


user = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 2), min_size=n, max_size=n), st.lists(st.integers(0, 3), min_size=n, max_size=n)
    )
)


@settings(max_examples=100, deadline=None)
@given(st.lists(user, min_size=1, max_size=3), st.integers(1, 7), st.sampled_from([0, 12]))
def test_every_metric_is_the_mean_the_best_and_the_worst_over_all_tie_orders(users, k, most_compared):
    metrics = all_metrics(k)
    scores = [np.array(row, float) for row, _ in users]
    relevance = [np.array(grades, float) for _, grades in users]
    brute = [
        [[plain(metric, [grades[i] for i in order]) for order in every_order(row)] for metric in metrics]
        for row, grades in users
    ]
    with pytest.MonkeyPatch.context() as patch:  # both ways of counting
        patch.setattr(relevance_blocks, "_MOST_COMPARED", most_compared)
        for policy, over in (("expected", np.mean), ("optimistic", max), ("pessimistic", min)):
            values = metric_values(scores, relevance, metrics, tie_policy=policy)
            for u in range(len(users)):
                for i, metric in enumerate(metrics):
                    assert values[i, u] == pytest.approx(over(brute[u][i]), abs=1e-10), (
                        f"{metric} of user {u}, {policy}"
                    )
        for i, summary in enumerate(metric_summaries(scores, relevance, metrics)):
            gap = np.mean([max(brute[u][i]) - min(brute[u][i]) for u in range(len(users))])
            assert summary.tie_gap == pytest.approx(gap, abs=1e-10), f"tie gap of {metrics[i]}"
            assert summary.mean == pytest.approx(np.mean([np.mean(row[i]) for row in brute]), abs=1e-10)


@settings(max_examples=100, deadline=None)
@given(user, st.integers(1, 7))
def test_top_k_counts_have_the_distribution_over_all_tie_orders(one, k):
    row, grades = one
    found = [sum(grades[i] > 0 for i in order[:k]) for order in every_order(row)]
    counts = top_k_counts([np.array(row, float)], [np.array(grades, float)], k)
    probabilities = counts.probabilities()[0]
    brute = np.bincount(found, minlength=len(probabilities)) / len(found)
    np.testing.assert_allclose(probabilities, brute, atol=1e-10)
    assert counts.expected()[0] == pytest.approx(np.mean(found), abs=1e-10)


def test_top_k_counts_of_many_users_at_once():
    scores = np.array([[3, 2, 2, 2, 1], [5, 4, 3, 2, 1], [1, 1, 1, 1, 1], [3, 2, 2, 2, 1]], float)
    relevant = np.array([[1, 1, 1, 0, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], bool)
    counts = top_k_counts(scores, relevant, 2)
    np.testing.assert_array_equal(counts.certain, [1, 1, 0, 0])
    np.testing.assert_array_equal(counts.tied, [3, 0, 0, 0])
    np.testing.assert_array_equal(counts.tied_relevant, [2, 0, 0, 0])
    np.testing.assert_array_equal(counts.free, [1, 0, 0, 0])
    np.testing.assert_allclose(counts.probabilities(), [[0, 1 / 3, 2 / 3], [0, 1, 0], [1, 0, 0], [1, 0, 0]])


def test_a_long_tie_is_worth_chance():
    # 1,000 level candidates, 400 of them relevant: the mean of every order is a closed form
    relevant = np.zeros((1, 1000), bool)
    relevant[0, ::5] = relevant[0, 1::5] = True
    scores = np.zeros((1, 1000), np.float32)
    assert recall_at_k(scores, relevant, 20)[0] == pytest.approx(0.02, abs=1e-12)
    assert precision_at_k(scores, relevant, 20)[0] == pytest.approx(0.4, abs=1e-12)
    missed = np.prod((600.0 - np.arange(20)) / (1000.0 - np.arange(20)))
    assert hit_rate_at_k(scores, relevant, 20)[0] == pytest.approx(1 - missed, abs=1e-12)
    assert ndcg_at_k(scores, relevant, 20, gain="binary")[0] == pytest.approx(0.4, abs=1e-12)
    assert reciprocal_rank_at_k(scores, relevant, 1)[0] == pytest.approx(0.4, abs=1e-12)
    expected = 0.4 * sum((1 + i * 399 / 999) / (i + 1) for i in range(20))
    assert average_precision_at_k(scores, relevant, 20, denominator="m")[0] == pytest.approx(expected / 400)
    assert average_precision_at_k(scores, relevant, 20, denominator="min(m, K)")[0] == pytest.approx(expected / 20)


def test_the_functions_are_the_metrics():
    rng = np.random.default_rng(3)
    scores, grades = rng.integers(0, 5, (40, 8)).astype(np.float32), rng.integers(0, 3, (40, 8))
    metrics = [Hit(3), Recall(3), Precision(3), ReciprocalRank(3), NDCG("exponential", 3), AveragePrecision("m", 3)]
    for policy in ("expected", "optimistic", "pessimistic"):
        functions = [
            hit_rate_at_k(scores, grades, 3, tie_policy=policy),
            recall_at_k(scores, grades, 3, tie_policy=policy),
            precision_at_k(scores, grades, 3, tie_policy=policy),
            reciprocal_rank_at_k(scores, grades, 3, tie_policy=policy),
            ndcg_at_k(scores, grades, 3, gain="exponential", tie_policy=policy),
            average_precision_at_k(scores, grades, 3, denominator="m", tie_policy=policy),
        ]
        np.testing.assert_array_equal(functions, metric_values(scores, grades, metrics, tie_policy=policy))


def test_users_without_relevant_candidates_count_zero_and_are_left_out_of_the_conditional_mean():
    scores = np.array([[2.0, 1.0], [2.0, 1.0]])
    relevant = np.array([[True, False], [False, False]])
    for summary in metric_summaries(scores, relevant, all_metrics(1)):
        assert (summary.mean, summary.conditional_mean) == (0.5, 1.0), str(summary.metric)
        assert (summary.n_users, summary.n_users_with_relevant) == (2, 1)
    none_listed = metric_summaries(scores, np.zeros((2, 2), bool), [Hit(1)])[0]
    assert none_listed.mean == 0.0
    assert np.isnan(none_listed.conditional_mean)


def test_recall_reaches_its_ceiling_and_no_more():
    rng = np.random.default_rng(4)
    relevant = rng.random((50, 9)) < 0.5
    for k in (1, 3, 8):
        best = recall_at_k(relevant.astype(float), relevant, k)
        np.testing.assert_allclose(best, recall_ceiling_at_k(relevant.sum(axis=1), k), atol=1e-12)
    np.testing.assert_array_equal(recall_ceiling_at_k([0, 1, 4], 2), [0.0, 1.0, 0.5])
    for counts, shown in (([3, -1], "-1 for user row 1"), ([0.5], "0.5 for user row 0")):
        with pytest.raises(InvalidTaskError, match=shown):
            recall_ceiling_at_k(counts, 2)
    with pytest.raises(VacuousMetricError, match="K=0"):
        recall_ceiling_at_k([1], 0)


def test_a_ragged_list_gives_what_each_row_gives_alone():
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 40, 200)
    scores = [rng.integers(0, 6, n).astype(np.float32) for n in lengths]
    relevance = [rng.integers(0, 3, n) * (rng.random(n) < 0.4) for n in lengths]
    metrics = all_metrics(5)
    together = metric_values(scores, relevance, metrics)
    alone = [metric_values([s], [r], metrics)[:, 0] for s, r in zip(scores, relevance, strict=True)]
    np.testing.assert_allclose(together.T, alone, atol=1e-12)


def test_names_say_gain_and_denominator():
    names = [str(metric) for metric in all_metrics(5)]
    assert len(set(names)) == len(names)
    assert str(NDCG("exponential", 10)) == "NDCG[exponential]@10"
    assert str(AveragePrecision("min(m, K)", 10)) == "MAP[min(m, K)]@10"
    assert str(ReciprocalRank()) == "MRR"


ONE = np.array([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: NDCG("log", 5), InvalidTaskError, ["'log'", "'exponential'"]),
        (lambda: AveragePrecision("k", 5), InvalidTaskError, ["'k'", "'min(m, K)'"]),
        (
            lambda: metric_values(ONE, ONE, [Hit(1)], tie_policy="random"),
            InvalidTaskError,
            ["'random'", "'expected'"],
        ),
        (lambda: metric_values(ONE, -ONE, [Hit(1)]), InvalidTaskError, ["user row 0 is -1 at position 0"]),
        (lambda: metric_values(ONE, 600 * ONE, [NDCG("exponential", 1)]), InvalidTaskError, ["600", "linear"]),
        (lambda: metric_values(ONE, ONE * np.nan, [Hit(1)]), InvalidScoresError, ["relevant of user row 0 is nan"]),
        (lambda: metric_values(ONE - np.inf, ONE, [Hit(1)]), InvalidScoresError, ["scores of user row 0 is -inf"]),
        (lambda: metric_values(ONE, [[1, 0], [1, 0]], [Hit(1)]), InvalidScoresError, ["2 rows for 1 users"]),
        (lambda: metric_values(ONE, np.ones((2, 2)), [Hit(1)]), InvalidScoresError, ["2 rows for 1 users"]),
        (lambda: metric_values(ONE, np.ones((1, 3)), [Hit(1)]), InvalidScoresError, ["(3,) for 2 candidates"]),
        (lambda: metric_values(ONE, [[1]], [Hit(1)]), InvalidScoresError, ["(1,) for 2 candidates"]),
        (lambda: metric_values([ONE[0] * 1j], ONE, [Hit(1)]), InvalidScoresError, ["user row 0", "complex128"]),
        (lambda: metric_summaries(ONE[:0], ONE[:0], [Hit(1)]), InvalidTaskError, ["no users"]),
        *[(lambda m=m: m(0), VacuousMetricError, ["K=0"]) for m in (Hit, Recall, Precision, ReciprocalRank)],
        (lambda: NDCG("binary", 0), VacuousMetricError, ["K=0"]),
        (lambda: AveragePrecision("m", 0), VacuousMetricError, ["K=0"]),
        (lambda: top_k_counts(ONE, ONE, 0), VacuousMetricError, ["K=0"]),
    ],
)
def test_what_cannot_be_measured_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing from: {caught.value}"


def test_no_users_have_no_values():
    assert metric_values([], [], [Hit(1), NDCG("binary", 2)]).shape == (2, 0)
    assert top_k_counts([], [], 1).probabilities().shape == (0, 1)
