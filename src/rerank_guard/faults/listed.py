"""A task with its candidates in another order, all that belongs to a candidate with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank_guard.core.types import RankingTask

__all__ = ["moved_to", "reordered"]


def reordered(task: RankingTask, order: Sequence[int]) -> RankingTask:
    """The task with the candidate of old position `order[j]` at position j."""
    return replace(
        task,
        candidates=tuple(task.candidates[old] for old in order),
        target_index=None if task.target_index is None else list(order).index(task.target_index),
        first_stage_scores=None
        if task.first_stage_scores is None
        else tuple(task.first_stage_scores[old] for old in order),
    )


def moved_to(task: RankingTask, position: int) -> RankingTask | None:
    """The task with its target item at another position, the other candidates in their order; None where it is not listed."""
    if task.target_id not in task.candidate_ids:
        return None
    now = task.candidate_ids.index(task.target_id)
    order = [other for other in range(task.n_candidates) if other != now]
    order.insert(position, now)
    return reordered(task, order)
