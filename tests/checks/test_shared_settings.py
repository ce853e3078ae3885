"""What many checks share: refused settings, and where the target items are."""

from __future__ import annotations

import pytest

from guard.builders import make_task, make_tasks
from rerank_guard.checks._settings import (
    require_level,
    require_settings,
    require_share,
    require_tasks,
    true_positions,
)
from rerank_guard.core.errors import InvalidTaskError, RerankGuardError
from rerank_guard.core.task_table import TaskTable


@pytest.mark.parametrize("refused", [0.0, 0.5, -1.0, float("nan")])
def test_levels_are_between_0_and_a_half(refused):
    for call in (lambda: require_level("chance_level", refused), lambda: require_settings(refused)):
        with pytest.raises(RerankGuardError, match=f"{refused!r} is not a usable level"):
            call()
    require_settings(1e-9, 0.0)
    require_level("chance_level", 0.499)


@pytest.mark.parametrize("refused", [1.0, -0.1, float("nan")])
def test_shares_are_from_0_to_below_1(refused):
    for name, call in (
        ("most_broken", lambda: require_share("most_broken", refused, 0.01)),
        ("effect", lambda: require_settings(0.01, refused)),
    ):
        with pytest.raises(RerankGuardError, match=f"{name}={refused!r} is not a share"):
            call()
    require_share("most_broken", 0.0, 0.01)


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
