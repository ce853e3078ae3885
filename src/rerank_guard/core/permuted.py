"""Some tasks scored twice: in the order in which they were listed, and in another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.core.types import FloatArray, IntArray, RankingTask

__all__ = ["Permuted"]


@dataclass(frozen=True, slots=True, eq=False)
class Permuted:
    """T tasks with their candidates listed in two orders.

    Attributes:
        tasks: as they were listed first.
        orders: (N,) int64 a task: position `j` of the second list holds the candidate of position `orders[j]` of the first.
        before: (N,) float64 a task, the scores of the first list.
        after: (N,) float64 a task, the scores of the second list.
    """

    tasks: Sequence[RankingTask]
    orders: Sequence[IntArray]
    before: Sequence[FloatArray]
    after: Sequence[FloatArray]
