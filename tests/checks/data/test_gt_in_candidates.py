"""gt_in_candidates: healthy tasks pass, and each injected fault is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks
from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status


def healthy(users=40, n=20):
    rng = np.random.default_rng(0)
    return make_tasks([int(rng.integers(n)) for _ in range(users)], [n] * users)


def drop_target(task):
    kept = tuple(item for item in task.candidates if item.item_id != task.target_id)
    return replace(task, candidates=kept, target_index=None)


def duplicate_target(task):
    return replace(task, candidates=(*task.candidates, task.candidates[task.target_index]))


def duplicate_negative(task):
    first, second = [place for place in range(task.n_candidates) if place != task.target_index][:2]
    candidates = list(task.candidates)
    candidates[second] = candidates[first]
    return replace(task, candidates=tuple(candidates))


def shift_index(task):
    return replace(task, target_index=task.target_index + 1)


def test_healthy_tasks_pass():
    verdict = gt_in_candidates(healthy())
    assert verdict.status is Status.PASSED
    assert verdict.measured["broken_users"] == 0
    assert (verdict.n, verdict.suspects, verdict.cause, verdict.evidence) == (40, (), "", ())
    assert verdict.affected == Affected(0, 40)


@pytest.mark.parametrize(
    ("inject", "fault"),
    [
        (drop_target, "target-not-listed"),
        (lambda task: replace(task, target_id="elsewhere"), "target-not-listed"),
        (duplicate_target, "target-listed-twice"),
        (duplicate_negative, "duplicate-candidates"),
        (lambda task: duplicate_target(duplicate_negative(task)), "target-listed-twice"),
        (shift_index, "label-offset"),
        (lambda task: replace(task, target_index=None), "label-offset"),
        (lambda task: replace(task, target_index=task.n_candidates), "label-offset"),
        (lambda task: replace(task, target_index=-1), "label-offset"),
    ],
)
@pytest.mark.parametrize("users", [1, 7])
def test_a_single_broken_user_fails_and_is_named(inject, fault, users):
    tasks = healthy()
    for user in range(users):
        tasks[3 * user] = inject(tasks[3 * user])
    verdict = gt_in_candidates(tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert verdict.measured["broken_users"] == users
    assert verdict.affected == Affected(users, 40)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert "'user-0'" in verdict.evidence[0]
    assert len(verdict.evidence) == min(users, 5)


def test_the_most_frequent_fault_is_named_and_every_kind_is_shown():
    tasks = healthy()
    tasks[0] = duplicate_target(tasks[0])
    tasks[1:9] = [drop_target(task) for task in tasks[1:9]]
    tasks[9] = shift_index(tasks[9])
    tasks[10] = duplicate_negative(tasks[10])
    verdict = gt_in_candidates(tasks)
    assert verdict.fault == "target-not-listed"
    assert [suspected.fault.name for suspected in verdict.suspects] == [
        "target-not-listed",
        "target-listed-twice",
        "label-offset",
        "duplicate-candidates",
    ]
    assert verdict.measured["candidates_duplicated"] == 1
    assert [row.split(":")[0] for row in verdict.evidence] == [f"query 'user-{u}'" for u in (1, 0, 9, 10, 2)]


def test_renamed_items_and_another_order_of_users_change_nothing():
    tasks = [shift_index(task) if i % 5 == 0 else task for i, task in enumerate(healthy())]
    first, second = gt_in_candidates(tasks), gt_in_candidates(tasks[::-1])
    assert (first.status, first.fault, first.measured) == (second.status, second.fault, second.measured)


def test_no_tasks_and_indices_that_are_no_integers_are_errors():
    with pytest.raises(InvalidTaskError, match="no tasks"):
        gt_in_candidates([])
    for bad in (True, 1.0, "1"):
        with pytest.raises(InvalidTaskError, match=r"user-0.*target_index"):
            gt_in_candidates([replace(make_task(1, 3), target_index=bad)])


def test_duplicates_in_a_part_of_the_training_lists_carry_their_share():
    """Named by the same check under its name for training tasks."""
    tasks = [duplicate_negative(task) if i % 10 == 0 else task for i, task in enumerate(healthy(400))]
    verdict = gt_in_candidates(TaskTable.from_tasks(tasks))
    assert (verdict.fault, verdict.affected) == ("duplicate-candidates", Affected(40, 400))
    assert gt_in_candidates.variants["training_gt_in_candidates"].inputs == {"tasks": "training_tasks"}


def test_promised_decides_whether_a_first_stage_may_miss_a_target():
    task = replace(make_task(None, 4), first_stage_scores=(4.0, 3.0, 2.0, 1.0))
    assert gt_in_candidates([task]).status is Status.PASSED
    assert gt_in_candidates([task], promised=True).fault == "target-not-listed"
