"""The orders that the tasks state themselves: the order of the list, in both directions, and the first stage's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.baselines._rows import rows_of
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask

__all__ = ["first_stage_scores", "listed_order_scores", "reversed_listed_order_scores"]


def listed_order_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """Minus the position, (N,) float64 a task: the first listed ranks first, which wins where targets are listed early."""
    return _by_position(tasks, -1.0)


def reversed_listed_order_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """The position, (N,) float64 a task: the last listed ranks first, which wins where targets are listed late."""
    return _by_position(tasks, 1.0)


def first_stage_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """The first stage's scores, (N,) float64 a task.

    Raises:
        InvalidTaskError: a task without first_stage_scores.
    """
    table = TaskTable.of(tasks)
    column = table.first_stage_scores
    missing = np.ones(len(table), dtype=np.bool_) if column is None else ~column.given
    if column is None or bool(missing.any()):
        if len(table) == 0:
            return []
        raise InvalidTaskError(
            f"{int(missing.sum())} of {len(table)} tasks have no first_stage_scores (first: query "
            f"{table.query_ids[int(np.flatnonzero(missing)[0])]!r}); give them to every task, or leave the first-stage "
            "baseline out."
        )
    return rows_of(np.asarray(column.values, dtype=np.float64), table.candidates.offsets)


def _by_position(tasks: Sequence[RankingTask], sign: float) -> list[FloatArray]:
    candidates = TaskTable.of(tasks).candidates
    values = np.asarray(sign * candidates.position_of_value(), dtype=np.float64)
    return rows_of(values, candidates.offsets)
