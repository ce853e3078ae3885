"""recall_uniform_by_position: parts of the list that are not seen or not preferred are found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, noisy_scores, random_tasks
from rerank_guard.checks.scoring.recall_uniform_by_position import recall_uniform_by_position
from rerank_guard.core.errors import InvalidTaskError, RerankGuardError, VacuousMetricError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status


@cache
def healthy(n_tasks=500, n=20, *, signal=2.0, seed=0):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * n_tasks if isinstance(n, int) else n)
    return tasks, noisy_scores(tasks, rng, signal)


@pytest.mark.parametrize(
    ("n", "signal"), [(8, 2.0), (9, 2.0), (20, 0.0), (20, 2.0), (20, 20.0), ((6, 7, 20, 51) * 125, 2.0)]
)
def test_a_ranker_that_ignores_the_positions_passes(n, signal):
    tasks, scores = healthy(n=n, signal=signal)
    verdict = recall_uniform_by_position(scores, tasks, 5)
    assert (verdict.status, verdict.suspects) == (Status.PASSED, ())
    assert verdict.check == "recall_uniform_by_position[K=5]"
    assert (verdict.threshold, verdict.signs) == ({"largest_difference": 0.25}, {})


@pytest.mark.parametrize(("n_tasks", "n"), [(1, 20), (10, 2), (10, 3), (500, 20)])
def test_few_tasks_few_candidates_and_constants_pass(n_tasks, n):
    tasks, scores = healthy(n_tasks, n)
    for rows in (scores, [np.zeros(n)] * n_tasks):
        verdict = recall_uniform_by_position(rows, tasks, 1)
        assert verdict.status in (Status.PASSED, Status.NOT_APPLICABLE)


def blind_to(part):
    """Scores of the positions in `part` (a function of the relative place) are noise at the bottom."""
    return lambda row: np.where(part((np.arange(len(row)) + 0.5) / len(row)), row - 100.0, row)


FAULTS = {
    "second half unseen": blind_to(lambda place: place > 0.5),
    "first half unseen": blind_to(lambda place: place < 0.5),
    "middle unseen": blind_to(lambda place: abs(place - 0.5) < 0.25),
    "ends unseen": blind_to(lambda place: abs(place - 0.5) > 0.25),
    "input order": lambda row: -np.arange(len(row), dtype=float),
    "a slope": lambda row: row - 1.0 * np.arange(len(row)),
}


@pytest.mark.parametrize(
    ("name", "n"),
    [*((name, 20) for name in FAULTS), ("second half unseen", 8), ("middle unseen", 21), ("middle unseen", 4)],
)
def test_a_part_that_is_not_seen_is_a_position_prior(name, n):
    tasks, scores = healthy(500, n)
    verdict = recall_uniform_by_position([FAULTS[name](row) for row in scores], tasks, n // 2)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert ("middle" in verdict.measured["between"]) is (name in ("middle unseen", "ends unseen"))
    assert max(verdict.interval.low, -verdict.interval.high) > 0.25
    assert verdict.interval.level == pytest.approx(1.0 - 1e-6)
    shown = [tasks[int(row.split("'")[1].removeprefix("user-"))] for row in verdict.evidence[1:]]
    assert len(shown) == 4
    assert len({int(4 * (task.target_index + 0.5) / n) for task in shown}) == 1, (
        "of the quarter with the lowest recall"
    )


def test_a_difference_within_the_effect_is_accepted():
    tasks, scores = healthy()
    rows = [row - 2.5 * (np.arange(20) >= 10) for row in scores]
    found = recall_uniform_by_position(rows, tasks, 10, effect=0.05)
    shown = max(found.interval.low, -found.interval.high)
    difference = abs(found.measured["largest_difference"])
    assert 0.1 < shown < difference
    assert recall_uniform_by_position(rows, tasks, 10, effect=shown - 0.05).status is Status.FAILED
    assert recall_uniform_by_position(rows, tasks, 10, effect=difference - 0.02).status is Status.INCONCLUSIVE
    assert recall_uniform_by_position(rows, tasks, 10, effect=difference + 0.01).status is Status.PASSED
    assert (
        recall_uniform_by_position(rows, tasks, 10, effect=shown - 0.05, alpha=1e-30).status is Status.INCONCLUSIVE
    )


def test_a_single_position_that_differs_is_no_pass_at_the_level_of_doubt():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [20] * 400)
    rows = noisy_scores(tasks, rng, 2.0)
    rows = [row - 100.0 * (np.arange(20) == 4) for row in rows]
    assert recall_uniform_by_position(rows, tasks, 5, alpha_doubtful=1e-2).status is Status.INCONCLUSIVE
    assert recall_uniform_by_position(rows, tasks, 5, alpha_doubtful=1e-9).status is Status.PASSED


def test_the_figures_are_recalls_by_quarter():
    """All targets of the first quarter are found and half of those of the last."""
    positions = [place for place in range(8) for _ in range(4)]
    tasks = make_tasks(positions, [8] * 32)
    hits = [position < 2 or (position >= 6 and user % 2 == 0) for user, position in enumerate(positions)]
    rows = [
        np.where(np.arange(8) == position, 9.0 if hit else -9.0, np.arange(8))
        for position, hit in zip(positions, hits, strict=True)
    ]
    measured = recall_uniform_by_position(rows, tasks, 1).measured
    assert [measured[f"recall_in_quarter_{q}"] for q in (1, 2, 3, 4)] == [1.0, 0.0, 0.0, 0.5]
    assert measured["largest_difference"] == pytest.approx(0.75)
    assert "outer quarters" in measured["between"]


def test_a_mild_slope_passes():
    tasks, scores = healthy(800, 20)
    verdict = recall_uniform_by_position([row - 0.02 * np.arange(20) for row in scores], tasks, 5)
    assert verdict.status is Status.PASSED
    assert verdict.measured["recall_in_quarter_1"] > verdict.measured["recall_in_quarter_4"]


def test_the_middle_of_an_odd_list_is_in_no_half_and_short_lists_are_in_no_quarter():
    middle = [make_task(1, 3, user=u) for u in range(20)]
    verdict = recall_uniform_by_position([np.arange(3.0)] * 20, middle, 1)
    assert verdict.status is Status.NOT_APPLICABLE
    everywhere = [make_task(u % 3, 3, user=u) for u in range(30)]
    hits = recall_uniform_by_position([np.array([0.0, 1.0, 0.0])] * 30, everywhere, 1)
    assert hits.measured["recall_in_quarter_3"] == 1.0
    assert (hits.status, hits.measured["between"]) == (Status.INCONCLUSIVE, "position 1 against the others")
    first = [make_task(0, 20, user=u) for u in range(3)]
    assert recall_uniform_by_position([np.arange(20.0)] * 3, first, 1).status is Status.NOT_APPLICABLE


def test_targets_that_are_skewed_themselves_are_left_to_target_positions_uniform():
    rng = np.random.default_rng(0)
    positions = [int(min(19, rng.geometric(0.2) - 1)) for _ in range(500)]
    verdict = recall_uniform_by_position([-np.arange(20.0)] * 500, make_tasks(positions, [20] * 500), 5)
    assert verdict.status is Status.NOT_APPLICABLE
    assert "target_positions_uniform" in verdict.next_step
    assert verdict.measured["largest_difference"] == 0.0
    assert verdict.measured["recall_in_quarter_1"] == 1.0


def test_a_list_in_the_first_stages_order_is_not_judged():
    tasks, scores = healthy()
    tasks = [replace(task, first_stage_scores=tuple(-float(j) for j in range(20))) for task in tasks]
    rows = [FAULTS["second half unseen"](row) for row in scores]
    assert recall_uniform_by_position(rows, tasks, 5).status is Status.NOT_APPLICABLE


def test_targets_that_are_not_listed_are_left_out():
    tasks, scores = healthy()
    missing = [replace(task, target_id="elsewhere", target_index=None) for task in tasks]
    verdict = recall_uniform_by_position([*scores, *scores], [*missing, *tasks], 5)
    assert verdict.status is Status.PASSED
    assert verdict.n == len(tasks)
    assert verdict.measured == recall_uniform_by_position(scores, tasks, 5).measured
    assert recall_uniform_by_position(scores, missing, 5).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, scores = healthy(5, 20)
    with pytest.raises(VacuousMetricError):
        recall_uniform_by_position(scores, tasks, 20)
    with pytest.raises(InvalidTaskError):
        recall_uniform_by_position([], [], 5)
    with pytest.raises(RerankGuardError, match="effect=1"):
        recall_uniform_by_position(scores, tasks, 5, effect=1.0)


@pytest.mark.parametrize(("alpha_parts", "status"), [(0.4, Status.INCONCLUSIVE), (1e-9, Status.NOT_APPLICABLE)])
def test_a_part_that_differs_is_left_to_chance_at_the_level_of_parts(alpha_parts, status):
    """Sixty users; those of the first half are found somewhat more often."""
    rng = np.random.default_rng(1)
    tasks = random_tasks(rng, [20] * 60)
    rows = noisy_scores(tasks, rng, 1.0)
    rows = [row + 1.5 * (np.arange(20) < 10) for row in rows]
    assert recall_uniform_by_position(rows, tasks, 5, alpha_parts=alpha_parts).status is status
