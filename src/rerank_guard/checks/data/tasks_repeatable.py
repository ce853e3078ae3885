"""Does tasks() give the same tasks at every call?"""

from __future__ import annotations

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._changed_tasks import changed_tasks
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import TASKS_REDRAWN
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["tasks_repeatable"]


@check(
    stage=Stage.DATA,
    claim="tasks() gives the same tasks at its second call as at its first",
    can_name=(TASKS_REDRAWN,),
    rules_out=(TASKS_REDRAWN,),
)
def tasks_repeatable(tasks: TaskTable, tasks_again: TaskTable, *, max_changed_tasks: Count = 0) -> Finding:
    """The held-out tasks are the same at every call: users, histories, candidates, their order, and the target item.

    A reranker that draws its negatives at every call is judged on one draw, reports figures of another and is compared
    with a stored run of a third; no run can be repeated, and the best of several draws looks like progress.

    Exact: task by task, place by place, every field; one that differs fails, unless some are tolerated. No statistics,
    so no level. tasks() is called twice, and no model is asked.

    Known limits: tasks that change only after the second call, or between two processes (an unseeded generator whose
    draw is kept), are the same here; the comparison with a stored reference run is what sees those.

    Args:
        tasks: of the first call, at least one.
        tasks_again: of the second.
        max_changed_tasks: largest number of tasks that differ that is tolerated.

    Returns:
        PASSED, or FAILED with tasks-redrawn.

    Raises:
        InvalidTaskError: no tasks.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    changed = changed_tasks(tasks, tasks_again)
    failed = len(changed) > max_changed_tasks
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(tasks)} tasks is the same when tasks() is called again{all_but(max_changed_tasks)}",
        measured={"changed_tasks": len(changed)},
        limits=(Limit("changed_tasks", "<=", max_changed_tasks),),
        n=len(tasks),
        evidence=tuple(f"query {query_id!r}: {what}" for query_id, what in changed[:MAX_EVIDENCE])
        if failed
        else (),
        suspects=(suspect(TASKS_REDRAWN),) if failed else (),
        affected=Affected(min(len(changed), len(tasks)), len(tasks)),
    )
