"""no_fill_in_values: what is counted, what is left out, and how much is let pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from guard.limits import missed
from rerank_guard.checks.scoring.no_fill_in_values import no_fill_in_values
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, SettingError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status


def of_own_texts(task):
    return replace(task, candidates=tuple(replace(item, text=f"film {item.item_id}") for item in task.candidates))


@pytest.fixture(scope="module")
def healthy():
    rng = np.random.default_rng(0)
    tasks = [of_own_texts(task) for task in random_tasks(rng, [12] * 100)]
    return tasks, noisy_scores(tasks, rng, 2.0)


def with_value(scores, n, position=3):
    return [np.where(np.arange(12) == position, 0.0, row) if user < n else row for user, row in enumerate(scores)]


def with_constants(scores, n):
    return [np.full(12, float(user)) if user < n else row for user, row in enumerate(scores)]


def test_healthy_scores_pass_with_nothing_counted(healthy):
    tasks, scores = healthy
    verdict = no_fill_in_values(scores, tasks)
    assert (verdict.status, verdict.suspects, verdict.evidence, verdict.affected) == (Status.PASSED, (), (), None)
    assert verdict.measured == {
        "users_with_constant_scores": 0,
        "users_with_the_recurring_value": 0,
        "recurring_value": None,
        "users_with_scores_of_the_position": 0,
    }
    assert missed(verdict) == set()


def test_constant_rows_are_counted_and_shown(healthy):
    tasks, scores = healthy
    verdict = no_fill_in_values(with_constants(scores, 3), tasks)
    assert (verdict.status, verdict.fault, verdict.affected.n) == (Status.FAILED, "silent-fallback", 3)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert next(iter(verdict.measured)) == "users_with_constant_scores"
    assert len(verdict.evidence) == 3
    assert missed(verdict) == {"users_with_constant_scores"}
    assert no_fill_in_values(with_constants(scores, 2), tasks).status is Status.PASSED
    assert no_fill_in_values(with_constants(scores, 3), tasks, max_constant=3).status is Status.PASSED
    assert no_fill_in_values(with_constants(scores, 1), tasks, max_constant=0).status is Status.FAILED


def test_a_recurring_value_is_counted_and_shown(healthy):
    tasks, scores = healthy
    verdict = no_fill_in_values(with_value(scores, 8), tasks)
    assert (verdict.status, verdict.fault, verdict.affected.n) == (Status.FAILED, "silent-fallback", 8)
    assert next(iter(verdict.measured)) == "users_with_the_recurring_value"
    assert verdict.measured["recurring_value"] == 0.0
    assert all("position 3" in row for row in verdict.evidence)
    assert len(verdict.evidence) == 5
    assert no_fill_in_values(with_value(scores, 7), tasks).status is Status.PASSED
    assert no_fill_in_values(with_value(scores, 8), tasks, max_recurring=8).status is Status.PASSED
    assert no_fill_in_values(with_value(scores, 3), tasks, max_recurring=2).status is Status.FAILED


def test_both_kinds_are_shown_together(healthy):
    tasks, scores = healthy
    verdict = no_fill_in_values(with_constants(with_value(scores, 40), 4), tasks)
    assert verdict.affected.n == 40
    assert ["all 12" in row for row in verdict.evidence] == [True, False, True, False, True]


def test_candidates_that_were_not_scored_do_not_count(healthy):
    tasks, scores = healthy
    some = [
        replace(task, scored=tuple(place != 3 for place in range(12))) if user < 40 else task
        for user, task in enumerate(tasks)
    ]
    assert no_fill_in_values(with_value(scores, 40), some).status is Status.PASSED
    assert no_fill_in_values(with_value(scores, 50), some).measured["users_with_the_recurring_value"] == 10


def test_equal_texts_and_single_candidates_are_constant_for_good_reason(healthy):
    tasks, scores = healthy
    alike = [
        replace(task, candidates=tuple(replace(item, text="the same") for item in task.candidates))
        if user < 5
        else task
        for user, task in enumerate(tasks)
    ]
    assert no_fill_in_values(with_constants(scores, 5), alike).status is Status.PASSED
    single = random_tasks(np.random.default_rng(1), [1] * 20)
    assert no_fill_in_values([*scores, *[np.zeros(1)] * 20], [*tasks, *single]).status is Status.PASSED


def test_what_cannot_be_judged_is_not(healthy):
    tasks, scores = healthy
    assert no_fill_in_values([np.zeros(12)] * 100, tasks).status is Status.NOT_APPLICABLE
    assert no_fill_in_values([np.full(12, np.nan), *scores[1:]], tasks).status is Status.NOT_APPLICABLE


def test_errors(healthy):
    tasks, scores = healthy
    with pytest.raises(InvalidTaskError):
        no_fill_in_values([], [])
    with pytest.raises(InvalidScoresError):
        no_fill_in_values(scores[1:], tasks)
    with pytest.raises(SettingError):
        no_fill_in_values(scores, tasks, max_constant=-1)


def test_rows_made_from_positions_are_counted(healthy):
    tasks, scores = healthy

    def with_positions(n):
        return [1.0 / (60.0 + np.arange(len(row))) if task < n else row for task, row in enumerate(scores)]

    verdict = no_fill_in_values(with_positions(5), tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert verdict.measured["users_with_scores_of_the_position"] == 5
    assert no_fill_in_values(with_positions(5), tasks, max_in_position_order=5).status is Status.PASSED
    assert no_fill_in_values(with_positions(2), tasks).status is Status.PASSED
