"""scores_well_formed: scores that are no numbers, another task's, or tied are named; healthy ones of any kind pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from guard.builders import make_tasks, noisy_scores, random_tasks
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def scored(lengths, seed=0):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, lengths)
    return tasks, noisy_scores(tasks, rng, 1.0)


def test_distinct_scores_are_well_formed():
    tasks, rows = scored([20, 30, 50] * 20)
    verdict = scores_well_formed(rows, tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured == {"tie_gap": 0.0, "users_with_constant_scores": 0}
    assert (verdict.threshold, verdict.signs) == ({"tie_gap": 0.05}, {"tie_gap": "<="})
    assert scores_well_formed(rows, TaskTable.of(tasks)) == verdict


@pytest.mark.parametrize("positions", [[0] * 60, [None] * 60])
def test_constant_scores_are_decided_by_ties_wherever_the_target_item_is(positions):
    verdict = scores_well_formed([np.full(20, 0.05)] * 60, make_tasks(positions, [20] * 60))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "silent-fallback"
    assert verdict.measured == {"tie_gap": 1.0, "users_with_constant_scores": 60}
    assert verdict.affected == Affected(60, 60)
    assert verdict.suspects[0].strength is Strength.SEEN


def test_the_tie_gap_is_the_share_of_the_others_that_tie_with_the_target_item():
    tasks = make_tasks([2, 1, None, 3], [5, 3, 4, 4])
    rows = [np.array([0.0, 1, 2, 2, 2]), np.array([1.0, 2, 3]), np.zeros(4), np.array([5.0, 6, 7, 5])]
    verdict = scores_well_formed(rows, tasks, max_tie_gap=0.3)
    assert verdict.measured["tie_gap"] == pytest.approx((2 / 4 + 0 + 1 / 3) / 3)
    assert verdict.status is Status.PASSED
    failed = scores_well_formed(rows, tasks, max_tie_gap=0.27)
    assert (failed.fault, failed.affected) == ("ties-decide", Affected(2, 4))
    # the tasks with the most ties come first; one without its target item counts those of its first candidate
    assert [row.split(":")[0] for row in failed.evidence[:3]] == [
        "query 'user-2'",
        "query 'user-0'",
        "query 'user-3'",
    ]


def test_coarsely_rounded_scores_are_decided_by_ties():
    tasks, rows = scored([50] * 60)
    assert scores_well_formed([row.round(6) for row in rows], tasks).status is Status.PASSED
    verdict = scores_well_formed([row.round(0) for row in rows], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "ties-decide")


def test_constant_scores_for_some_tasks_are_a_fallback():
    tasks, rows = scored([20] * 60)
    rows[::5] = [np.zeros(20)] * 12
    verdict = scores_well_formed(rows, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert verdict.affected == Affected(12, 60)
    assert verdict.suspects[0].strength is Strength.SEEN


@pytest.mark.parametrize(("n_constant", "fault"), [(4, "silent-fallback"), (3, "ties-decide")])
def test_constant_rows_explain_the_gap_from_half_of_it_on(n_constant, fault):
    """Each constant row has a gap of 1, each of the 8 half-tied rows one of 1/2."""
    tasks = make_tasks([0] * 20, [5] * 20)
    rows = [np.zeros(5)] * n_constant + [np.array([0.0, 0, 0, 1, 2])] * 8
    rows += [np.arange(5.0) + u for u in range(20 - len(rows))]
    assert scores_well_formed(rows, tasks).fault == fault


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_fail_by_query_and_position(value):
    tasks = make_tasks([1, 2], [3, 4])
    verdict = scores_well_formed([np.arange(3.0), np.array([0.0, 1.0, value, value])], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-nan")
    assert verdict.measured == {"users_with_non_finite_scores": 1}
    assert verdict.affected == Affected(1, 2)
    assert "'user-1'" in verdict.evidence[0]
    assert "position 2 (2 of 4)" in verdict.evidence[0]


def test_scores_of_another_shape_and_gaps_that_allow_all_are_an_error():
    tasks = make_tasks([1, 2], [3, 4])
    for rows in (
        [np.zeros(3)],
        [np.zeros(3), np.zeros(3)],
        [np.zeros(3), np.zeros((4, 1))],
        [np.zeros(3), ["x"] * 4],
    ):
        with pytest.raises(InvalidScoresError):
            scores_well_formed(rows, tasks)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        scores_well_formed([], [])
    with pytest.raises(RerankGuardError, match="max_tie_gap=1"):
        scores_well_formed([np.zeros(3), np.zeros(4)], tasks, max_tie_gap=1.0)


@pytest.mark.parametrize("as_given", [lambda row: row, softmax, lambda row: np.float64(np.float16(row))])
def test_one_row_for_tasks_of_different_candidates_is_a_row_of_another_task(as_given):
    tasks, rows = scored([20] * 200)
    rows = [as_given(row) for row in rows]
    assert scores_well_formed(rows, tasks).status is Status.PASSED
    by_user = [rows[index // 2] for index in range(200)]
    fallback = [rows[0] if index % 10 == 0 else row for index, row in enumerate(rows)]
    for spoiled, shared in ((by_user, 200), (fallback, 20)):
        verdict = scores_well_formed(spoiled, tasks)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "rows-misaligned")
        assert verdict.measured == {"users_with_a_shared_row": shared}
        assert verdict.affected == Affected(shared, 200)
        assert "'user-0'" in verdict.evidence[0]


def test_ranks_that_coincide_and_one_row_for_all_are_not_called_misaligned():
    rng = np.random.default_rng(0)
    for n in (3, 8):
        tasks, rows = scored([n] * 400)
        ranks = [np.argsort(np.argsort(row)).astype(float) for row in rows]
        assert scores_well_formed(ranks, tasks).status is Status.PASSED
    tasks, _ = scored([20] * 100)
    assert scores_well_formed([rng.normal(size=20)] * 100, tasks).status is Status.PASSED


def test_users_without_a_known_history_may_have_one_row():
    """History times candidate is the letters' own preference for each of them."""
    tasks, rows = scored([20] * 400)
    tasks = [
        replace(task, history=(Item("seen", "Seen Film"),) if user >= 20 else ()) for user, task in enumerate(tasks)
    ]
    cold = [rows[0] if user < 20 else row for user, row in enumerate(rows)]
    assert scores_well_formed(cold, tasks).status is Status.PASSED
    warm = [rows[20] if 20 <= user < 40 else row for user, row in enumerate(rows)]
    assert scores_well_formed(warm, tasks).fault == "rows-misaligned"
