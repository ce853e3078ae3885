"""Whether the model itself can be held against its ranking with other users' histories."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.types import RankingTask

__all__ = ["has_histories_to_swap"]


def has_histories_to_swap(tasks: Sequence[RankingTask]) -> bool:
    """Whether at least two users differ in their history; else there is nothing to exchange."""
    first = tasks[0].history
    return any(task.history != first for task in tasks)
