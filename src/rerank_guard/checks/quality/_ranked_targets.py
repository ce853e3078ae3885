"""How scores rank each task's target item, and the hits that follow from it."""

from __future__ import annotations

from rerank_guard.core.listed import target_listing
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray
from rerank_guard.metrics import CandidateValues, TargetStanding, target_standing

__all__ = ["rank_targets", "target_positions"]


def target_positions(table: TaskTable) -> IntArray:
    """(T,) int64, the first 0-based position at which each task lists its target item; -1 where it is not listed.

    Rankings are judged by this, not by `target_index`: an index that is off by one would otherwise be graded by the
    very mistake that `gt_in_candidates` reports.
    """
    return target_listing(table).position


def rank_targets(
    scores: CandidateValues, table: TaskTable, positions: IntArray, *, what: str = "scores"
) -> TargetStanding:
    """How many candidates each target item has above it, and level with it.

    Args:
        scores: one array (N,) a task, higher is better.
        table: the tasks, in the same order.
        positions: as `target_positions` gives them.
        what: what the scores are called in error messages.

    Raises:
        InvalidScoresError: not one row of N finite numbers a task.
    """
    return target_standing(scores, positions, present=positions >= 0, n_candidates=table.n_candidates, what=what)
