"""What the statistical checks share: their default level, and the refusal of settings that decide nothing."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.defaults import ALPHA
from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.types import RankingTask

__all__ = ["ALPHA", "require_settings", "require_tasks", "true_slots"]


def require_settings(alpha: float, effect: float = 0.0) -> None:
    """Refuse a level outside (0, 0.5) and an effect outside [0, 1).

    Raises:
        RerankGuardError: with the value and the range.
    """
    if not 0.0 < alpha < 0.5:
        raise RerankGuardError(
            f"alpha={alpha!r} is not a usable level; give a number between 0 and 0.5, such as {ALPHA}."
        )
    if not 0.0 <= effect < 1.0:
        raise RerankGuardError(f"effect={effect!r} is not a share; give a number from 0 to below 1, such as 0.05.")


def require_tasks(tasks: Sequence[RankingTask]) -> None:
    """Refuse an empty list of tasks.

    Raises:
        InvalidTaskError: no tasks.
    """
    if len(tasks) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")


def true_slots(tasks: Sequence[RankingTask]) -> list[int | None]:
    """The slot at which each task's target_id stands (the first one), None where it is not listed.

    Rankings are judged by this, not by `target_index`: an index that is off by one would otherwise be graded by the
    very mistake that `check_gt_in_candidates` reports.
    """
    return [
        task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else None for task in tasks
    ]
