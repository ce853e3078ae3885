"""Are the tasks after scoring those that were given before it?"""

from __future__ import annotations

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._changed_tasks import changed_tasks
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import TASKS_REWRITTEN
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["tasks_not_rewritten"]


@check(
    stage=Stage.DATA,
    claim="the tasks are the same after scoring as before it",
    can_name=(TASKS_REWRITTEN,),
    rules_out=(TASKS_REWRITTEN,),
)
def tasks_not_rewritten(
    tasks: TaskTable, tasks_after_scoring: TaskTable, *, max_rewritten_tasks: Count = 0
) -> Finding:
    """Nothing that the reranker does changes the tasks that it is asked to score: candidates, order, target item, grades.

    A reranker that sorts the list in place, or that writes the target item after it has seen the scores, is right about
    tasks that nobody asked for: its recall is 1 whatever it has learned.

    Exact: task by task, every field, against a table made before the first score; one that differs fails, unless some
    are tolerated. No statistics, so no level. The other checks judge by that table.

    Known limits: what is changed and put back before score() returns is not seen. Tasks that a reranker gives as a
    TaskTable cannot be changed.

    Args:
        tasks: before scoring, at least one.
        tasks_after_scoring: the same objects, read again after it.
        max_rewritten_tasks: largest number of tasks that differ that is tolerated.

    Returns:
        PASSED, or FAILED with tasks-rewritten.

    Raises:
        InvalidTaskError: no tasks.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    changed = changed_tasks(tasks, tasks_after_scoring)
    failed = len(changed) > max_rewritten_tasks
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(tasks)} tasks is the same after scoring{all_but(max_rewritten_tasks)}",
        measured={"rewritten_tasks": len(changed)},
        limits=(Limit("rewritten_tasks", "<=", max_rewritten_tasks),),
        n=len(tasks),
        evidence=tuple(f"query {query_id!r}: {what}" for query_id, what in changed[:MAX_EVIDENCE])
        if failed
        else (),
        suspects=(suspect(TASKS_REWRITTEN),) if failed else (),
        affected=Affected(min(len(changed), len(tasks)), len(tasks)),
    )
