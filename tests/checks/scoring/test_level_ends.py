"""Constant tails and heads: from how many candidates, in how many tasks, and how deep."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.checks.scoring._level_ends import constant_heads, constant_tails, level_ends, some_deep_tails


def ends(rows):
    return level_ends(ragged([np.asarray(row, dtype=float) for row in rows]))


def test_the_ends_of_a_row():
    seen = ends([[3, 1, 1, 2], [2, 2, 1, 0], [np.nan, 1], [5.0]])
    assert seen.n.tolist() == [4, 4, 0, 1]
    assert seen.lowest[[0, 1, 3]].tolist() == [2, 1, 1]
    assert seen.highest[[0, 1, 3]].tolist() == [1, 2, 1]
    assert seen.above_differ[[0, 1]].tolist() == [True, False]
    assert seen.below_differ[[0, 1]].tolist() == [False, True]


@pytest.mark.parametrize(("gap", "deep"), [(0.9, False), (1.1, True)])
def test_a_tail_is_deep_below_more_than_the_range_of_the_others(gap, deep):
    assert ends([[-gap, -gap, 0.0, 0.5, 1.0]]).deep.tolist() == [deep]


def rows_of(n_tasks, tail, others):
    rng = np.random.default_rng(0)
    return [rng.permutation(np.r_[np.full(tail, -100.0), rng.random(others)]) for _ in range(n_tasks)]


@pytest.mark.parametrize(
    ("n_tasks", "tail", "others", "found"),
    [(10, 2, 4, True), (9, 2, 4, False), (10, 1, 5, False), (10, 5, 1, False), (10, 2, 3, False), (10, 4, 2, True)],
)
def test_a_constant_tail_has_two_of_at_least_six_candidates_in_ten_tasks(n_tasks, tail, others, found):
    assert len(constant_tails(ends(rows_of(n_tasks, tail, others)))) == (n_tasks if found else 0)


@pytest.mark.parametrize(("without", "found"), [(1, 9 + 9), (3, 0)])
def test_nine_tasks_of_ten_have_to_show_it(without, found):
    rows = rows_of(20 - 2, 3, 5) + [np.arange(8.0)] * without
    assert len(constant_tails(ends(rows))) == found


def test_others_that_tie_are_a_coincidence():
    rows = [np.r_[row, row.max()] for row in rows_of(10, 3, 5)]
    assert len(constant_tails(ends(rows))) == 0


def test_a_shallow_tail_is_made_only_of_logarithms_or_probabilities_with_one_count():
    def shallow(n_tasks, level, kept):
        rng = np.random.default_rng(0)
        return [np.r_[np.full(10 - kept(t), level), level + 0.1 + rng.random(kept(t))] for t in range(n_tasks)]

    assert len(constant_tails(ends(shallow(10, -5.0, lambda t: 4)))) == 10
    assert len(constant_tails(ends(shallow(10, 0.0, lambda t: 4)))) == 0, "neither negative nor probabilities"
    assert len(constant_tails(ends(shallow(10, -5.0, lambda t: 3 + t % 2)))) == 0, (
        "another count in half of the tasks"
    )


def test_a_constant_head_is_above_negative_scores_that_differ():
    def head(level, low):
        rng = np.random.default_rng(0)
        return [np.r_[np.full(4, level), low + rng.random(3)] for _ in range(10)]

    assert len(constant_heads(ends(head(0.0, -3.0)))) == 10
    assert len(constant_heads(ends(head(9.0, 3.0)))) == 0, "the others are positive"
    assert len(constant_heads(ends([np.r_[row, row.min()] for row in head(0.0, -3.0)]))) == 0, "the others tie"
    assert len(constant_heads(ends(head(0.0, -3.0)[:9]))) == 0


@pytest.mark.parametrize(
    ("head", "others", "found"), [(2, 4, True), (1, 5, False), (5, 1, False), (2, 3, False), (4, 2, True)]
)
def test_a_constant_head_has_two_of_at_least_six_candidates_above_two(head, others, found):
    rng = np.random.default_rng(0)
    rows = [np.r_[np.zeros(head), -3.0 + rng.random(others)] for _ in range(10)]
    assert len(constant_heads(ends(rows))) == (10 if found else 0)


@pytest.mark.parametrize(("n_shallow", "found"), [(1, 10), (2, 0)])
def test_nine_constant_tails_of_ten_have_to_be_deep(n_shallow, found):
    rows = rows_of(10 - n_shallow, 3, 5) + [np.r_[0.0, 0.0, 0.0, 0.1 + np.arange(5.0)]] * n_shallow
    assert len(constant_tails(ends(rows))) == found


@pytest.mark.parametrize(("n_other", "found"), [(2, 20), (3, 0)])
def test_nine_cuts_of_ten_have_to_be_at_one_count(n_other, found):
    rng = np.random.default_rng(0)
    rows = [np.r_[np.zeros(4), -3.0 + rng.random(3 if t >= n_other else 4)] for t in range(20)]
    assert len(constant_heads(ends(rows))) == found


@pytest.mark.parametrize(
    ("n_tail", "of", "level", "found"),
    [(10, 100, 0, 10), (9, 100, 0, 0), (10, 100, 8, 10), (10, 100, 10, 0)],
)
def test_some_deep_tails_are_found_where_hardly_any_other_is_level(n_tail, of, level, found):
    rng = np.random.default_rng(0)
    rows = rows_of(n_tail, 6, 3)
    rows += [np.r_[0.0, 0.0, 0.1 + rng.random(8)] for _ in range(level)]
    rows += [rng.random(10) for _ in range(of - len(rows))]
    assert len(some_deep_tails(ends(rows))) == found


def test_short_lists_that_tie_do_not_hide_the_deep_tails_of_long_ones():
    rng = np.random.default_rng(0)
    rows = rows_of(10, 6, 3) + [np.r_[0.0, 0.0, 0.1 + rng.random(5)] for _ in range(50)]
    assert len(some_deep_tails(ends(rows))) == 10
    rows += [np.r_[0.0, 0.0, 0.1 + rng.random(6)] for _ in range(50)]
    assert len(some_deep_tails(ends(rows))) == 0


@pytest.mark.parametrize(("tail", "others"), [(5, 4), (6, 1)])
def test_a_deep_tail_of_some_tasks_has_six_candidates_under_two(tail, others):
    rng = np.random.default_rng(0)
    rows = rows_of(20, tail, others) + [rng.random(10) for _ in range(80)]
    assert len(some_deep_tails(ends(rows))) == 0
