"""What many checks share: the default level, the refusal of settings that decide nothing, where the target items are."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.errors import InvalidTaskError, RerankGuardError
from rerank_guard.core.listed import target_listing
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask

__all__ = ["ALPHA", "require_level", "require_settings", "require_share", "require_tasks", "true_positions"]


def require_settings(alpha: float, effect: float = 0.0) -> None:
    """Refuse a level outside (0, 0.5) and an effect outside [0, 1).

    Raises:
        RerankGuardError: with the value and the range.
    """
    require_level("alpha", alpha)
    require_share("effect", effect, 0.05)


def require_level(name: str, value: float) -> None:
    """Refuse a level outside (0, 0.5).

    Args:
        name: of the setting.
        value: as it was given.

    Raises:
        RerankGuardError: with the value and the range.
    """
    if not 0.0 < value < 0.5:
        raise RerankGuardError(
            f"{name}={value!r} is not a usable level; give a number between 0 and 0.5, such as {ALPHA}."
        )


def require_share(name: str, value: float, example: float) -> None:
    """Refuse a tolerated share outside [0, 1).

    Args:
        name: of the setting.
        value: as it was given.
        example: a usual value, for the message.

    Raises:
        RerankGuardError: with the value and the range.
    """
    if not 0.0 <= value < 1.0:
        raise RerankGuardError(
            f"{name}={value!r} is not a share; give a number from 0 to below 1, such as {example}."
        )


def require_tasks(tasks: Sequence[RankingTask]) -> None:
    """Refuse an empty list of tasks.

    Raises:
        InvalidTaskError: no tasks.
    """
    if len(tasks) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")


def true_positions(tasks: Sequence[RankingTask]) -> list[int | None]:
    """The first 0-based position at which each task lists its target_id, None where it is not listed.

    Rankings are judged by this, not by `target_index`: an index that is off by one would otherwise be graded by the
    very mistake that `gt_in_candidates` reports.

    Args:
        tasks: T tasks; a table is read without making its tasks.
    """
    if isinstance(tasks, TaskTable):
        return [None if position < 0 else position for position in target_listing(tasks).position.tolist()]
    return [
        task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else None for task in tasks
    ]
