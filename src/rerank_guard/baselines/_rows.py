"""One flat array of candidate values, cut into one row a task."""

from __future__ import annotations

from itertools import pairwise

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["rows_of"]


def rows_of(values: FloatArray, offsets: IntArray) -> list[FloatArray]:
    """(N,) a task, as views.

    Args:
        values: (C,) of the candidates of all tasks, one after the other.
        offsets: (T + 1,) int64, where each task's candidates begin and the last ones end.
    """
    ends = offsets.tolist()
    return [values[begin:end] for begin, end in pairwise(ends)]
