"""recall_even_by_slot: parts of the list that are not seen or not liked are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores, random_tasks
from rerank_guard.checks.recall_by_slot import check_recall_even_by_slot
from rerank_guard.errors import InvalidTaskError, RerankGuardError, VacuousMetricError
from rerank_guard.verdict import Status


def sound(users=500, n=20, *, signal=2.0, seed=0):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * users if isinstance(n, int) else n)
    return tasks, noisy_scores(tasks, rng, signal)


@pytest.mark.parametrize("n", [8, 9, 20, [6, 7, 20, 51] * 125])
@pytest.mark.parametrize("signal", [0.0, 2.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_ranker_that_ignores_the_slots_passes(seed, signal, n):
    tasks, scores = sound(n=n, signal=signal, seed=seed)
    assert check_recall_even_by_slot(scores, tasks, k=5).status is Status.PASSED


@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize("users", [1, 10, 500])
def test_few_users_few_candidates_and_constants_pass(users, n):
    tasks, scores = sound(users, n)
    for rows in (scores, [np.zeros(n)] * users):
        verdict = check_recall_even_by_slot(rows, tasks, k=1)
        assert verdict.status in (Status.PASSED, Status.NOT_APPLICABLE)


def blind_to(part):
    """Scores of the slots in `part` (a function of the relative place) are noise at the bottom."""
    return lambda row: np.where(part((np.arange(len(row)) + 0.5) / len(row)), row - 100.0, row)


FAULTS = {
    "second half unseen": blind_to(lambda place: place > 0.5),
    "first half unseen": blind_to(lambda place: place < 0.5),
    "middle unseen": blind_to(lambda place: abs(place - 0.5) < 0.25),
    "ends unseen": blind_to(lambda place: abs(place - 0.5) > 0.25),
    "input order": lambda row: -np.arange(len(row), dtype=float),
    "a slope": lambda row: row - 1.0 * np.arange(len(row)),
}


@pytest.mark.parametrize("spoil", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("n", [8, 20, 21])
def test_a_part_that_is_not_seen_is_a_position_prior(n, spoil):
    tasks, scores = sound(500, n)
    verdict = check_recall_even_by_slot([spoil(row) for row in scores], tasks, k=n // 2)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert "recall by quarter" in verdict.evidence[0]
    assert verdict.interval is not None


def test_a_mild_slope_passes():
    tasks, scores = sound(3000, 20)
    rows = [row - 0.02 * np.arange(20) for row in scores]
    verdict = check_recall_even_by_slot(rows, tasks, k=5)
    assert verdict.status is Status.PASSED
    assert verdict.measured["recall_in_quarter_1"] > verdict.measured["recall_in_quarter_4"]


def test_targets_that_are_skewed_themselves_are_left_to_target_slots_even():
    rng = np.random.default_rng(0)
    slots = [int(min(19, rng.geometric(0.2) - 1)) for _ in range(500)]
    tasks = make_tasks(slots, [20] * 500)
    verdict = check_recall_even_by_slot([-np.arange(20.0)] * 500, tasks, k=5)
    assert verdict.status is Status.NOT_APPLICABLE
    assert "target_slots_even" in verdict.next_step


def test_a_list_in_the_retrievers_order_is_not_judged():
    tasks, scores = sound()
    tasks = [replace(task, retriever_scores=tuple(-float(j) for j in range(20))) for task in tasks]
    rows = [FAULTS["second half unseen"](row) for row in scores]
    assert check_recall_even_by_slot(rows, tasks, k=5).status is Status.NOT_APPLICABLE


def test_targets_that_are_not_listed_are_left_out():
    tasks, scores = sound()
    missing = [replace(task, target_id="elsewhere", target_index=None) for task in tasks]
    verdict = check_recall_even_by_slot([*scores, *scores], [*tasks, *missing], k=5)
    assert verdict.status is Status.PASSED
    assert verdict.n == len(tasks)
    assert check_recall_even_by_slot(scores, missing, k=5).status is Status.NOT_APPLICABLE


def test_errors():
    tasks, scores = sound(5, 20)
    with pytest.raises(VacuousMetricError):
        check_recall_even_by_slot(scores, tasks, k=20)
    with pytest.raises(InvalidTaskError):
        check_recall_even_by_slot([], [], k=5)
    with pytest.raises(RerankGuardError, match="effect=1"):
        check_recall_even_by_slot(scores, tasks, k=5, effect=1.0)
