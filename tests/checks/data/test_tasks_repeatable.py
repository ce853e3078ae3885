"""tasks_repeatable: two calls of tasks() compared field by field; whole runs are in `tests/trust/test_case_05_*`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import make_task
from rerank_guard.checks.data.tasks_repeatable import tasks_repeatable
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

TASKS = [make_task(1, 6, user=user) for user in range(10)]


def judge(again, **settings):
    return tasks_repeatable(TaskTable.from_tasks(TASKS), TaskTable.from_tasks(again), **settings)


def reordered(task):
    listed = (*task.candidates[1:], task.candidates[0])
    return replace(task, candidates=listed, target_index=0)


def another_target(task):
    return replace(task, target_id=task.candidates[3].item_id, target_index=3)


def test_equal_tasks_in_new_objects_pass():
    verdict = judge([replace(task) for task in TASKS])
    assert (verdict.status, verdict.n) == (Status.PASSED, 10)


@pytest.mark.parametrize("change", [reordered, another_target, lambda task: replace(task, query_id="other")])
def test_any_field_that_differs_fails(change):
    verdict = judge([change(TASKS[0]), *TASKS[1:]])
    assert (verdict.status, verdict.fault) == (Status.FAILED, "tasks-redrawn")


def test_some_may_be_tolerated():
    again = [*map(reordered, TASKS[:3]), *TASKS[3:]]
    assert judge(again, max_changed_tasks=2).status is Status.FAILED
    assert judge(again, max_changed_tasks=3).status is Status.PASSED


def test_no_tasks_are_no_ground_for_a_verdict():
    with pytest.raises(InvalidTaskError):
        tasks_repeatable(TaskTable.from_tasks([]), TaskTable.from_tasks([]))
