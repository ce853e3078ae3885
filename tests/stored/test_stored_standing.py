"""Standings hold all that the expected hit at any K needs."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_tasks
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, StoredRunError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stored import Standings, standings_of


def test_hits_are_those_of_the_metrics_at_every_cutoff_with_ties_ragged_lists_and_missing_targets():
    rng = np.random.default_rng(0)  # fixed: deterministic
    lengths = [int(n) for n in rng.integers(2, 12, 300)]
    positions = [None if rng.random() < 0.1 else int(rng.integers(n)) for n in lengths]
    tasks = make_tasks(positions, lengths)
    scores = [rng.integers(0, 4, n).astype(np.float64) for n in lengths]
    standings = standings_of(scores, tasks)
    for k in range(1, 13):
        np.testing.assert_array_equal(standings.hits_at(k), expected_hit_at_k(scores, positions, k), f"K={k}")
    assert (standings.listed == [position is not None for position in positions]).all()


def test_a_table_has_the_standings_of_its_tasks():
    rng = np.random.default_rng(1)
    tasks = make_tasks([0, None, 3, 2], [2, 3, 5, 4])
    scores = [rng.integers(0, 3, task.n_candidates).astype(np.float64) for task in tasks]
    one, other = standings_of(scores, tasks), standings_of(scores, TaskTable.of(tasks))
    assert one.query_ids == other.query_ids
    for name in ("n_candidates", "above", "tied"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_ranks_are_expected_ones_and_past_the_end_where_the_target_is_missing():
    tasks = make_tasks([1, 0, None], [4, 4, 4])
    scores = [np.array([3.0, 2.0, 1.0, 0.0]), np.zeros(4), np.arange(4.0)]
    assert standings_of(scores, tasks).ranks().tolist() == [2.0, 2.5, 5.0]


def test_the_position_judged_is_that_of_the_target_id_and_not_the_stated_one():
    task = make_tasks([2], [4])[0]
    wrong = type(task)(task.query_id, task.history, task.candidates, task.target_id, 0)
    assert standings_of([np.array([9.0, 1.0, 2.0, 3.0])], [wrong]).above.tolist() == [2]


def test_what_cannot_be_ranked_is_refused():
    tasks = make_tasks([0, 1], [3, 3])
    with pytest.raises(InvalidScoresError, match="nan at position 1"):
        standings_of([np.zeros(3), np.array([0.0, np.nan, 0.0])], tasks)
    with pytest.raises(InvalidTaskError, match="'user-0' appears twice"):
        standings_of([np.zeros(3), np.zeros(3)], [tasks[0], tasks[0]])
    with pytest.raises(InvalidTaskError, match="no tasks"):
        standings_of([], [])


@pytest.mark.parametrize(
    ("ids", "n", "above", "tied", "message"),
    [
        ((), [], [], [], "there are no users"),
        (("a",), [3, 3], [0], [1], r"n_candidates has shape \(2,\) for 1"),
        (("a", "a"), [3, 3], [0, 0], [1, 1], "'a' appears twice"),
        (("a",), [3], [3], [1], "3 candidates above and 1 at"),
        (("a",), [3], [0], [0], "0 candidates above and 0 at"),
        (("a",), [3], [-1], [1], "-1 candidates above and 1 at"),
        (("a",), [1], [0], [1], "of 1; no ranking"),
    ],
)
def test_counts_that_no_ranking_has_are_refused(ids, n, above, tied, message):
    with pytest.raises(StoredRunError, match=message):
        Standings(ids, *(np.array(column, dtype=np.int64) for column in (n, above, tied)))
