"""Baselines against their closed forms and against enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest

from guard.builders import make_tasks
from rerank_guard.baselines import (
    chance_hit_rate_at_k,
    chance_recall_at_k,
    chance_recall_distribution,
    chance_recalls_at_k,
    first_stage_scores,
    listed_order_scores,
    popularity_scores,
    recency_scores,
    reversed_listed_order_scores,
    reversed_popularity_scores,
    reversed_recency_scores,
)
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.metrics import expected_hit_at_k, hit_rate_at_k, recall_at_k


@pytest.mark.parametrize(("n", "k", "m"), [(6, 2, 1), (6, 2, 3), (5, 4, 2), (4, 9, 2), (5, 1, 5), (3, 2, 0)])
def test_chance_equals_the_enumeration_of_all_top_sets(n, k, m):
    tops = list(combinations(range(n), min(k, n)))
    found = np.array([sum(i < m for i in top) for top in tops])
    pmf = chance_recall_distribution(n, k, m)
    np.testing.assert_allclose(pmf, [(found == i).mean() for i in range(m + 1)], atol=1e-12)
    assert chance_hit_rate_at_k(n, k, m) == pytest.approx((found > 0).mean(), abs=1e-12)
    if m:
        assert chance_recall_at_k(n, k) == pytest.approx(found.mean() / m, abs=1e-12)


def test_the_figure_of_a_random_ranking():
    assert chance_recall_at_k(50, 20) == 0.4
    assert chance_recall_at_k(20, 20) == 1.0
    assert chance_hit_rate_at_k(50, 20) == pytest.approx(0.4, abs=1e-12)
    assert chance_hit_rate_at_k(50, 20, 2) == pytest.approx(1 - comb(48, 20) / comb(50, 20), abs=1e-12)


def test_constant_scores_have_the_metrics_of_chance():
    relevant = np.arange(9) < 4
    scores = [np.zeros(9)]
    assert hit_rate_at_k(scores, [relevant], 3)[0] == pytest.approx(chance_hit_rate_at_k(9, 3, 4), abs=1e-12)
    assert recall_at_k(scores, [relevant], 3)[0] == pytest.approx(chance_recall_at_k(9, 3), abs=1e-12)


@pytest.mark.parametrize(("n", "k", "m"), [(0, 1, 1), (5, 0, 1), (5, 1, 6), (5, 1, -1)])
def test_impossible_counts_are_refused(n, k, m):
    with pytest.raises(InvalidTaskError, match=f"N={n}, K={k}, {m} relevant"):
        chance_recall_distribution(n, k, m)


def test_chance_of_many_users_is_that_of_each():
    lengths = np.array([50, 20, 5, 3])
    assert chance_recalls_at_k(lengths, 5).tolist() == [chance_recall_at_k(int(n), 5) for n in lengths]
    with pytest.raises(InvalidTaskError, match="K=0"):
        chance_recalls_at_k(lengths, 0)
    with pytest.raises(InvalidTaskError, match="N=0"):
        chance_recalls_at_k(np.array([3, 0]), 1)


def test_popularity_in_both_directions_with_unknown_items_at_zero():
    tasks = make_tasks([2, 0], [3, 2])
    counts = {"u0-i2": 9, "u0-i0": 4, "u1-i1": 1}
    forward, backward = popularity_scores(tasks, counts), reversed_popularity_scores(tasks, counts)
    np.testing.assert_array_equal(forward[0], [4, 0, 9])
    np.testing.assert_array_equal(forward[1], [0, 1])
    np.testing.assert_array_equal(expected_hit_at_k(forward, [2, 0], 1), [1, 0])
    np.testing.assert_array_equal(expected_hit_at_k(backward, [2, 0], 1), [0, 1])


@pytest.mark.parametrize("scores_of", [popularity_scores, reversed_popularity_scores])
def test_a_popularity_that_knows_no_candidate_is_an_error_that_shows_both_spellings(scores_of):
    tasks = make_tasks([2, 0], [3, 2])
    with pytest.raises(InvalidTaskError, match=r"such as 7, int\).*such as 'u0-i0', str\)"):
        scores_of(tasks, {7: 3, 8: 4})
    with pytest.raises(InvalidTaskError, match=r"is \{\}; count the items"):
        scores_of(tasks, {})


def test_recency_in_both_directions_with_unknown_items_older_than_all():
    tasks = make_tasks([2, 0], [3, 2])
    times = {"u0-i2": 1998, "u0-i0": -5.5, "u1-i0": -5.5}
    forward, backward = recency_scores(tasks, times), reversed_recency_scores(tasks, times)
    assert forward[0][2] == 1998
    assert forward[0][0] == -5.5
    assert forward[0][1] < -5.5, "unknown ranks below the oldest"
    assert forward[1][0] > forward[1][1], "also where the oldest of all is the other candidate"
    assert all(np.isfinite(row).all() and row.dtype == np.float64 for row in forward)
    np.testing.assert_array_equal(expected_hit_at_k(forward, [2, 0], 1), [1, 1])
    np.testing.assert_array_equal(expected_hit_at_k(backward, [1, 1], 1), [1, 1])


def test_an_unknown_item_is_older_than_the_oldest_in_nanoseconds_too():
    now = 1_700_000_000_000_000_000
    (row,) = recency_scores(make_tasks([0], [2]), {"u0-i0": now})
    assert row[1] < row[0]


@pytest.mark.parametrize("scores_of", [recency_scores, reversed_recency_scores])
@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({}, r"item times are \{\}; give each item"),
        ({"u0-i0": float("nan")}, r"item 'u0-i0' has the time nan \(type float\)"),
        ({"u0-i0": 3.0, "x": float("-inf")}, r"item 'x' has the time -inf"),
        ({"u0-i0": "1998"}, r"item 'u0-i0' has the time '1998' \(type str\)"),
        ({"u0-i0": None}, r"item 'u0-i0' has the time None"),
        ({7: 1998.0}, r"keys of the item times \(such as 7, int\).*such as 'u0-i0', str\); key the times"),
    ],
)
def test_times_that_cannot_order_the_candidates_are_errors(scores_of, times, message):
    with pytest.raises(InvalidTaskError, match=message):
        scores_of(make_tasks([0], [2]), times)


def test_the_listed_order_in_both_directions():
    tasks = make_tasks([0, 1], [3, 2])
    np.testing.assert_array_equal(expected_hit_at_k(listed_order_scores(tasks), [0, 1], 1), [1, 0])
    np.testing.assert_array_equal(expected_hit_at_k(reversed_listed_order_scores(tasks), [0, 1], 1), [0, 1])
    assert [row.shape for row in listed_order_scores(tasks)] == [(3,), (2,)]


def test_an_item_is_looked_up_by_its_id_whatever_its_text():
    first, second = make_tasks([0, 1], [2, 2])
    renamed = replace(second, candidates=tuple(replace(item, text="other") for item in first.candidates))
    for tasks in ([first, renamed], TaskTable.of([first, renamed])):
        rows = popularity_scores(tasks, {"u0-i0": 3, "u0-i1": 5})
        assert [row.tolist() for row in rows] == [[3.0, 5.0], [3.0, 5.0]]


def test_first_stage_scores_or_an_error_that_names_the_query():
    tasks = make_tasks([0, 1], [2, 3])
    scored = [replace(task, first_stage_scores=tuple(range(task.n_candidates))) for task in tasks]
    np.testing.assert_array_equal(first_stage_scores(scored)[1], [0, 1, 2])
    assert first_stage_scores([]) == []
    with pytest.raises(InvalidTaskError, match=r"2 of 2 tasks"):
        first_stage_scores(tasks)
    with pytest.raises(
        InvalidTaskError, match=r"1 of 2 tasks have no first_stage_scores \(first: query 'user-1'\)"
    ):
        first_stage_scores([scored[0], tasks[1]])
