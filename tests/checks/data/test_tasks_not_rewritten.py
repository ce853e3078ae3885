"""tasks_not_rewritten: the tasks before and after scoring; whole runs are in `tests/trust/test_case_11_*`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import make_task
from rerank_guard.checks.data.tasks_not_rewritten import tasks_not_rewritten
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

TASKS = [make_task(1, 6, user=user) for user in range(10)]


def judge(after, **settings):
    return tasks_not_rewritten(TaskTable.from_tasks(TASKS), TaskTable.from_tasks(after), **settings)


def retargeted(task):
    return replace(task, target_id=task.candidates[0].item_id, target_index=0)


def test_untouched_tasks_pass():
    assert judge(TASKS).status is Status.PASSED


@pytest.mark.parametrize("n_rewritten", [1, 10])
def test_a_target_written_into_the_tasks_fails(n_rewritten):
    verdict = judge([*map(retargeted, TASKS[:n_rewritten]), *TASKS[n_rewritten:]])
    assert (verdict.status, verdict.fault) == (Status.FAILED, "tasks-rewritten")
    assert verdict.measured["rewritten_tasks"] == n_rewritten


def test_some_may_be_tolerated():
    after = [*map(retargeted, TASKS[:3]), *TASKS[3:]]
    assert judge(after, max_rewritten_tasks=2).status is Status.FAILED
    assert judge(after, max_rewritten_tasks=3).status is Status.PASSED


def test_no_tasks_are_no_ground_for_a_verdict():
    with pytest.raises(InvalidTaskError):
        tasks_not_rewritten(TaskTable.from_tasks([]), TaskTable.from_tasks([]))
