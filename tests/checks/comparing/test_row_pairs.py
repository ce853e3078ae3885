"""What changed between two runs over the same tasks, and what rounding explains of it."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_tasks
from rerank_guard.checks.comparing.row_pairs import compare_rows, pair_rows
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError


def compare(first, second):
    rows = [np.array(row, dtype=float) for row in (first, second)]
    return compare_rows([rows[0]], [rows[1]], make_tasks([0], [len(first)]), ("one", "other"))


def test_the_figures_of_a_pair_of_rows():
    pairs = compare([4.0, 1.0, 0.0, -2.0], [4.5, 3.5, 0.5, -1.5])
    assert pairs.change.tolist() == [2.0], "all moved by 0.5, and one by 2.5"
    assert pairs.position.tolist() == [1]
    assert pairs.spread.tolist() == [6.0]
    assert pairs.size.tolist() == [4.5]
    assert pairs.top_changed.tolist() == [False]
    assert compare([0.0, 1.0], [1.0, 0.0]).top_changed.tolist() == [True]


def test_probabilities_change_by_their_logarithm():
    pairs = compare([0.5, 0.3, 0.2], [0.5, 0.4, 0.1])
    assert pairs.apart[0] == pytest.approx(0.1)
    assert pairs.change[0] == pytest.approx(np.log(2.0))
    assert compare([0.5, 0.5, 0.0], [0.5, 0.5, 1e-9]).change.tolist() == [0.0], "below what half precision holds"
    assert compare([0.5, 0.5, 0.0], [0.5, 0.5, 2e-6]).change[0] == pytest.approx(np.log(2.0)), "twice of that"


@pytest.mark.parametrize(
    ("first", "second", "change"),
    [
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, -np.inf], [1.0, 2.0], np.inf),
        ([1.0, -np.inf], [1.0, -np.inf], 0.0),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([np.nan, np.nan], [np.nan, np.nan], 0.0),
    ],
)
def test_values_that_are_not_finite(first, second, change):
    assert compare(first, second).change.tolist() == [change]


@pytest.mark.parametrize(
    ("first", "second", "beyond"),
    [
        ([4.0, 0.0, -4.0], [4.0, 0.7, -4.0], False),  # 0.7 nats, not a tenth of 8
        ([4.0, 0.0, -1.0], [4.0, 0.6, -1.0], False),  # a tenth, but no distance
        ([2.0, 1.5, -1.0], [2.0, 1.95, -1.0], False),  # 0.45 nats
        ([2.0, 1.5, -1.0], [2.0, 2.05, -1.0], True),  # 0.55 nats
        ([9.0, 8.0, 0.0], [9.0, 9.0, 0.0], True),  # a ninth of the range
        ([11.0, 10.0, 0.0], [11.0, 11.0, 0.0], False),  # an eleventh
        ([0.8, 0.0, 0.0], [0.8, 0.45, 0.0], True),  # more than half of a flat row
        ([0.8, 0.0, 0.0], [0.8, 0.35, 0.0], False),
        ([1e-3, 2e-3, 0.0], [1e-3, 0.0, 0.0], True),  # small scores by their range alone
        ([0.4, 0.4, 0.4], [0.4, 0.4, 0.41], False),  # 3 % of their size is rounding
        ([0.4, 0.4, 0.4], [0.4, 0.4, 0.413], True),
        ([0.52, 0.52, 0.52], [0.52, 0.52, 0.54], False),  # no small scores
    ],
)
def test_what_half_precision_does_not_explain(first, second, beyond):
    assert compare(first, second).beyond_noise(0.02).tolist() == [beyond]


@pytest.mark.parametrize(
    ("row", "by", "beyond"),
    [
        ([3.0, 1.0, -2.0], 1e-6, False),
        ([3.0, 1.0, -2.0], 1e-4, True),  # apart by more than 1e-5
        ([3e-6, 1e-6, -2e-6], 1e-8, True),  # on a scale so small that the probabilities hide it
        ([1000.0, 0.0, -1000.0], 1.8, False),  # or so steep: below a thousandth of the range
        ([1000.0, 0.0, -1000.0], 2.2, True),
        ([1e6, 1e6 - 500.0, 1e6 - 1000.0], 9.0, False),  # below 1e-5 of the size
        ([1e6, 1e6 - 500.0, 1e6 - 1000.0], 11.0, True),
    ],
)
def test_what_the_order_of_sums_does_not_explain(row, by, beyond):
    pairs = compare(row, np.array(row) + np.array([0.0, by, 0.0]))
    assert pairs.beyond_order_of_sums(1e-5).tolist() == [beyond]


def test_gross_changes_are_beyond_a_distance_and_a_tenth_of_the_range():
    pairs = compare([1.0, 0.0, -1.0], [0.0, 1.0, -1.0])
    assert 0.4 < pairs.apart[0] < 0.5
    assert pairs.gross(0.4).tolist() == [True]
    assert pairs.gross(0.5).tolist() == [False]
    steep = compare([100.0, 99.0, -100.0], [99.0, 100.0, -100.0])
    assert steep.apart[0] > 0.4
    assert steep.gross(0.4).tolist() == [False]


def test_evidence_shows_the_chosen_tasks_that_moved_most():
    tasks = make_tasks([0] * 7, [2] * 7)
    first = [np.array([1.0, 0.0])] * 7
    second = [np.array([1.0, 0.1 * task]) for task in range(7)]
    pairs = compare_rows(first, second, tasks, ("one", "other"))
    chosen = np.array([True] * 6 + [False])
    rows = pair_rows(pairs, chosen, first, second, tasks, ("before", "after"))
    assert [row.split(":")[0] for row in rows] == [f"query 'user-{task}'" for task in (5, 4, 3, 2, 1)]


def test_errors():
    tasks = make_tasks([0, 0], [2, 3])
    rows = [np.zeros(2), np.zeros(3)]
    with pytest.raises(InvalidTaskError):
        compare_rows([], [], [], ("one", "other"))
    with pytest.raises(InvalidScoresError, match="other has 1 rows"):
        compare_rows(rows, rows[:1], tasks, ("one", "other"))
