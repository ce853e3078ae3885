"""What many checks share: the default level, and where the target items are."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.listed import target_listing
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask

__all__ = ["ALPHA", "require_tasks", "true_positions"]


def require_tasks(tasks: Sequence[RankingTask]) -> None:
    """Refuse an empty list of tasks.

    Raises:
        InvalidTaskError: no tasks.
    """
    if len(tasks) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")


def true_positions(tasks: Sequence[RankingTask]) -> list[int | None]:
    """The first 0-based position at which each task lists its target_id, None where it is not listed.

    Rankings are judged by this, not by `target_index`: an index that is off by one would otherwise be graded by the
    very mistake that `gt_in_candidates` reports.

    Args:
        tasks: T tasks; a table is read without making its tasks.
    """
    if isinstance(tasks, TaskTable):
        return [None if position < 0 else position for position in target_listing(tasks).position.tolist()]
    return [
        task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else None for task in tasks
    ]
