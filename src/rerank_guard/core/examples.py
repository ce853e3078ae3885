"""Tasks as the training examples that a pipeline makes of them, and those that it drops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.core.prompts import TrainingPrompt
from rerank_guard.core.types import RankingTask

__all__ = ["Examples"]


@dataclass(frozen=True, slots=True)
class Examples:
    """Training examples.

    Attributes:
        tasks: those that are trained on.
        prompts: theirs, in the same order.
        dropped: the query_ids of the tasks that the pipeline says it drops.
    """

    tasks: list[RankingTask]
    prompts: list[TrainingPrompt]
    dropped: list[str]

    @classmethod
    def of(cls, tasks: Sequence[RankingTask], prompts: Sequence[TrainingPrompt | None]) -> Examples:
        """From one prompt a task, None for an example that is dropped."""
        pairs = list(zip(tasks, prompts, strict=True))
        kept = [(task, prompt) for task, prompt in pairs if prompt is not None]
        return cls(
            [task for task, _ in kept],
            [prompt for _, prompt in kept],
            [task.query_id for task, prompt in pairs if prompt is None],
        )
