"""Scores of other lists under the ids of tasks that were scored before, and of both lists under new ones."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.core.types import FloatArray

__all__ = ["Relisted"]


@dataclass(frozen=True, slots=True, eq=False)
class Relisted:
    """Of U tasks whose candidates are listed in another order.

    Attributes:
        same_id: one array (N_u,) a task, under the query_id of the task itself.
        new_id: the same under a query_id that was not scored before.
        own_list: one array (N_u,) a task: the task's own list under another query_id that was not scored before.
    """

    same_id: list[FloatArray]
    new_id: list[FloatArray]
    own_list: list[FloatArray]
