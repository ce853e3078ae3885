"""The tasks that can be judged at a cutoff: with N at or below K every listed target item is found, whatever the scores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.core.verdict import Measured
from rerank_guard.metrics import require_informative_cutoff

__all__ = ["baselines_of_rows", "judged_at", "left_out_at", "of_rows", "restricted"]


def judged_at(k: int, table: TaskTable) -> IntArray:
    """(n,) the row numbers of the tasks with more than K candidates, at least one.

    Raises:
        VacuousMetricError: k below 1, or no task has more than k candidates.
        InvalidTaskError: no tasks.
    """
    require_informative_cutoff(k, table.n_candidates)
    return np.flatnonzero(table.n_candidates > k)


def restricted(
    k: int, table: TaskTable, scores: Sequence[FloatArray]
) -> tuple[TaskTable, Sequence[FloatArray], IntArray]:
    """The tasks with more than K candidates, their scores, and their row numbers; table and scores as given where all have.

    Raises:
        VacuousMetricError, InvalidTaskError: as `judged_at`.
    """
    rows = judged_at(k, table)
    return (table if len(rows) == len(table) else table.take(rows)), of_rows(scores, rows, len(table)), rows


def left_out_at(table: TaskTable, rows: IntArray) -> dict[str, Measured]:
    """How many tasks are left out of a cutoff, as a figure; nothing where none is."""
    n = len(table) - len(rows)
    return {"users_with_at_most_k_candidates": n} if n else {}


def of_rows(values: Sequence[FloatArray], rows: IntArray, n_tasks: int) -> Sequence[FloatArray]:
    """The entries of these tasks; all of them, as given, where no task is left out, or where another number was given."""
    if len(rows) == n_tasks or len(values) != n_tasks:
        return values
    return [values[row] for row in rows.tolist()]


def baselines_of_rows(
    baselines: Mapping[str, Sequence[FloatArray]], rows: IntArray, n_tasks: int
) -> dict[str, Sequence[FloatArray]]:
    """The same of each baseline."""
    return {name: of_rows(values, rows, n_tasks) for name, values in baselines.items()}
