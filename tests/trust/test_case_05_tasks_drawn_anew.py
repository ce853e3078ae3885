"""tasks() that gives other tasks at each call is named; the same tasks in new objects are not."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status
from trust.judged_variants import judge, report_on, trained, verdicts


def of_lists(change, n_users=120, n=20):
    """tasks() whose every call changes some tasks: change(task, rng) or None."""
    calls = count()

    def tasks():
        rng = np.random.default_rng(next(calls))
        return [change(_cut(task, n), rng) for task in trained().tasks()[:n_users]]

    return tasks


def _cut(task, n):
    others = [item for item in task.candidates if item.item_id != task.target_id][: n - 1]
    listed = (*others, *(item for item in task.candidates if item.item_id == task.target_id))
    return replace(task, candidates=listed, target_index=len(listed) - 1)


def negatives(task, rng):
    drawn = rng.integers(0, 10_000)
    kept = (Item(f"drawn-{drawn}", f"Film {drawn}"), *task.candidates[1:])
    return replace(task, candidates=kept)


def shuffled(task, rng):
    order = rng.permutation(task.n_candidates)
    listed = tuple(task.candidates[place] for place in order)
    return replace(task, candidates=listed, target_index=[i.item_id for i in listed].index(task.target_id))


def target(task, rng):
    position = int(rng.integers(task.n_candidates))
    return replace(task, target_id=task.candidates[position].item_id, target_index=position)


def history(task, rng):
    return replace(task, history=tuple(task.history[i] for i in rng.permutation(len(task.history))))


def first_stage(task, rng):
    return replace(task, first_stage_scores=tuple(rng.normal(size=task.n_candidates).tolist()))


@pytest.mark.parametrize(("n_users", "n"), [(120, 20), (30, 5), (7, 2)])
@pytest.mark.parametrize("change", [negatives, shuffled, target, history, first_stage])
def test_tasks_drawn_anew_are_named(change, n_users, n):
    verdict = judge("tasks_repeatable", tasks=of_lists(change, n_users, n), cutoffs=(1,))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "tasks-redrawn")
    assert 0 < verdict.measured["changed_tasks"] <= n_users
    assert verdict.evidence


@pytest.mark.parametrize("change", [lambda calls: 120 - calls, lambda calls: 60 + calls])
def test_another_number_of_users_is_named(change):
    calls = count()
    verdict = judge("tasks_repeatable", tasks=lambda: trained().tasks()[: change(next(calls))])
    assert (verdict.fault, verdict.measured["changed_tasks"]) == ("tasks-redrawn", 1)


def test_an_order_of_users_that_changes_is_named():
    calls = count()
    verdict = judge("tasks_repeatable", tasks=lambda: trained().tasks()[:: 1 if next(calls) else -1])
    assert verdict.fault == "tasks-redrawn"


@pytest.mark.parametrize(
    "tasks",
    [
        lambda: trained().tasks(),
        lambda: [replace(task) for task in trained().tasks()],
        lambda: (replace(task) for task in trained().tasks()),
        lambda: TaskTable.of(trained().tasks()),
        lambda: [replace(t, first_stage_scores=(float("nan"),) * t.n_candidates) for t in trained().tasks()],
        lambda: [replace(task, relevance={task.target_id: 2.0, "elsewhere": 1.0}) for task in trained().tasks()],
    ],
)
def test_the_same_tasks_pass_however_they_are_made(tasks):
    verdict = judge("tasks_repeatable", tasks=tasks)
    assert (verdict.status, verdict.measured) == (Status.PASSED, {"changed_tasks": 0})


def test_lists_drawn_anew_stop_the_job_and_are_the_diagnosis():
    report = report_on(tasks=of_lists(shuffled))
    assert report.diagnosis.fault == "tasks-redrawn"
    assert verdicts(report)["loss_below_random"].status is Status.NOT_RUN
