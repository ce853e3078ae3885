"""Which tasks of two tables are not the same, and in what."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask

__all__ = ["changed_tasks"]

_COMPARED = (
    ("query_id", "query_id"),
    ("candidate_ids", "candidates"),
    ("target_id", "target_id"),
    ("target_index", "target_index"),
    ("history", "history"),
    ("query", "query"),
    ("candidates", "texts of the candidates"),
    ("first_stage_scores", "first_stage_scores"),
    ("grades", "relevance"),
    ("scored", "scored"),
)
"""Field to the words for it, in the order in which each hides the next."""


def changed_tasks(before: TaskTable, after: TaskTable) -> list[tuple[str, str]]:
    """The query_id of each task that differs, and what of it does first; a task of one table alone differs as a whole.

    Compared place by place: the same tasks in another order are other tasks, since scores belong to places.
    """
    if before is after:
        return []
    found = []
    for one, other in zip_longest(before, after):
        if one is None or other is None:
            found.append(((one or other).query_id, "is there only once"))
        elif (what := _difference(one, other)) is not None:
            found.append((one.query_id, what))
    return found


def _difference(one: RankingTask, other: RankingTask) -> str | None:
    for field, words in _COMPARED:
        if not _same(getattr(one, field), getattr(other, field)):
            return f"other {words}"
    return None


def _same(before: object, after: object) -> bool:
    """Equal; first-stage scores that are NaN in both are."""
    if before == after:
        return True
    try:
        return bool(np.array_equal(np.asarray(before, np.float64), np.asarray(after, np.float64), equal_nan=True))
    except (TypeError, ValueError):  # no numbers
        return False
