"""Tails in the order of the list: their lengths, their e-value, and which of them were made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.checks.scoring._listed_order import log_e_tails, made_tails, strict_tails


@pytest.mark.parametrize(
    ("row", "tail"),
    [
        ([5, 4, 3.0], 3),
        ([1, 2, 3.0], 1),
        ([1, 9, 8, 0.5], 2),
        ([1, 1, 1.0], 1),
        ([2, 9, 1, 8], 2),
        ([7.0], 1),
        ([np.nan, 1], 0),
        ([3.0, -np.inf, -np.inf], 1),
    ],
)
def test_the_length_of_a_tail(row, tail):
    rows = ragged([np.array(row, dtype=float), np.arange(2.0), np.array(row, dtype=float)])
    assert strict_tails(rows).tolist() == [tail, 1, tail]


@pytest.mark.parametrize("n", [2, 8, 30])
def test_the_e_value_has_a_mean_of_at_most_one(n):
    runs = np.arange(1, n + 1)
    longer = np.array(
        [1.0 / math.factorial(run) for run in range(1, n + 1)]
    )  # P(tail >= run) under exchangeability
    probability = longer - np.append(longer[1:], 0.0)
    assert probability.sum() == pytest.approx(1.0)
    mean = float(probability @ [math.exp(log_e_tails(np.array([run]))) for run in runs])
    # the stakes on lengths up to n sum to 1 - 1/n, and the shares of the wealth that is staked are 37.75 % on average
    assert mean == pytest.approx(1.0 - 0.3775 / n)
    assert log_e_tails(np.array([0])) == log_e_tails(np.array([1])), "a row with a NaN is no tail"


def judged(rows):
    flat = ragged(rows)
    return made_tails(flat, strict_tails(flat), np.zeros(len(rows), dtype=np.bool_)).tolist()


def with_tail(rng, n, at, gaps):
    """Random scores of n candidates, with those at the positions `at` lowest, in the order of the list, by these gaps."""
    row = rng.normal(size=n)
    row[-1] = row.min() - 1.0  # the lowest of the others is listed last, so the tail has no part in it
    row[np.sort(at)] = row.min() - np.cumsum(gaps)
    return row


def test_equal_gaps_are_made_from_4_candidates_on():
    rng = np.random.default_rng(0)
    steps = [with_tail(rng, 20, np.arange(12, 16), np.full(4, 0.5)) for _ in range(10)]
    assert judged(steps) == list(range(10))
    factors = [np.exp(row) for row in steps]
    assert judged(factors) == list(range(10))
    short = [with_tail(rng, 20, [3, 7, 18], np.full(3, 0.5)) for _ in range(10)]
    assert judged(short) == []


@pytest.mark.parametrize(("uneven", "found"), [(0.4e-3, 10), (0.7e-3, 0)])
def test_gaps_are_equal_within_a_thousandth(uneven, found):
    rng = np.random.default_rng(0)
    gaps = 0.5 * (1.0 + uneven * np.array([0.0, 1.0, -1.0, 0.0]))
    assert len(judged([with_tail(rng, 20, np.arange(12, 16), gaps) for _ in range(10)])) == found


@pytest.mark.parametrize(("n_equal", "found"), [(11, 11), (10, 0)])
def test_gaps_are_equal_in_most_of_the_tails(n_equal, found):
    rng = np.random.default_rng(0)
    rows = [with_tail(rng, 20, np.arange(12, 16), np.full(4, 0.5)) for _ in range(n_equal)]
    rows += [with_tail(rng, 20, np.arange(12, 16), 0.1 + rng.random(4)) for _ in range(10)]
    assert len(judged(rows)) == found


def test_tails_behind_one_rank_are_made_where_their_positions_vary():
    rng = np.random.default_rng(0)
    vary = [with_tail(rng, 20, rng.permutation(19)[:8], 0.1 + rng.random(8)) for _ in range(30)]
    assert judged(vary) == list(range(30))
    assert judged(vary[:10]) == list(range(10))
    assert judged(vary[:9]) == [], "ten tails are needed"


def test_tails_behind_many_ranks_are_not_made():
    rng = np.random.default_rng(0)
    lengths = rng.integers(8, 17, size=60)
    assert judged([with_tail(rng, 20, rng.permutation(19)[:m], 0.1 + rng.random(m)) for m in lengths]) == []


def test_whole_lists_are_made_in_most_tasks_or_beside_others_without_half_a_list_in_order():
    rng = np.random.default_rng(0)
    whole = [-np.cumsum(0.1 + rng.random(20)) for _ in range(20)]
    others = [rng.normal(size=20) for _ in range(20)]
    agreeing = [rng.normal(size=20) - 3.0 * np.arange(20) for _ in range(20)]
    assert judged([*whole, *others]) == list(range(20))
    assert judged([*whole[:2], *others]) == [], "two tasks prove nothing"
    assert judged([*whole[:10], *agreeing]) == []
    assert judged(whole) == list(range(20))
