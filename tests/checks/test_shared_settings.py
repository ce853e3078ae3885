"""What many checks share: at least one task, and where the target items are."""

from __future__ import annotations

import pytest

from guard.builders import make_task, make_tasks
from rerank_guard.checks._settings import require_tasks, true_positions
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable


def test_there_have_to_be_tasks():
    for none in ([], TaskTable.from_tasks([])):
        with pytest.raises(InvalidTaskError):
            require_tasks(none)
    require_tasks([make_task(0, 2)])


def test_true_positions_are_those_of_the_target_id_whatever_target_index_says():
    tasks = [*make_tasks([2, None, 0], [4, 3, 2]), make_task(3, 5, user=9, target_index=1)]
    first = tasks[0].candidates[2]
    tasks.append(make_task(1, 3, user=10))
    tasks[0] = type(tasks[0])("again", (), (*tasks[0].candidates, first), first.item_id, 4)
    assert true_positions(tasks) == true_positions(TaskTable.from_tasks(tasks)) == [2, None, 0, 3, 1]
