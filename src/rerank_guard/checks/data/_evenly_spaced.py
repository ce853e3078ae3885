"""Some of very many tasks."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray

__all__ = ["evenly_spaced", "rows_evenly_spaced"]


def rows_evenly_spaced(n: int, most: int) -> IntArray:
    """At most `most` of n row numbers, evenly spaced; all where they are no more."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def evenly_spaced(table: TaskTable, most: int) -> TaskTable:
    """At most `most` of the tasks."""
    return table if len(table) <= most else table.take(rows_evenly_spaced(len(table), most))
