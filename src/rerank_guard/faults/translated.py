"""A reranker whose tasks have other ids: marked where it shows them, unmarked where it is asked about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.wrapped import Wrapped, ask, only_had

__all__ = ["translated"]

_TAKE_TASKS = (
    "score",
    "predict_proba",
    "score_synthetic",
    "score_reloaded",
    "score_without_adapter",
    "oracle_proba",
    "scoring_prompts",
    "training_prompts",
)


def translated(
    target: RerankTarget,
    outward: Callable[[RankingTask], RankingTask],
    inward: Callable[[RankingTask], RankingTask],
    *,
    also_training: bool = True,
    **replaced: object,
) -> Wrapped:
    """The reranker with its tasks translated.

    Args:
        target: the reranker.
        outward: from one of the reranker's tasks to the one that it shows.
        inward: from any task that it is asked about, synthetic ones included, to one that the reranker knows.
        also_training: whether its training tasks are translated too.
        replaced: further methods to replace, where the reranker has them.
    """

    def shown(method: Callable[[], Sequence[RankingTask]]) -> Callable[[], tuple[RankingTask, ...]]:
        return lambda: tuple(map(outward, method()))

    def asked(method: Callable[..., Any]) -> Callable[..., Any]:
        def answer(tasks: Sequence[RankingTask], progress: Progress | None = None) -> Any:
            given = ask(method, [inward(task) for task in tasks], progress)
            return [
                replace(row, query_id=task.query_id) if hasattr(row, "query_id") else row
                for row, task in zip(given, tasks, strict=True)
            ]

        return answer

    names = ("tasks", "training_tasks") if also_training else ("tasks",)
    changed: dict[str, object] = {name: shown(getattr(target, name)) for name in names if hasattr(target, name)}
    changed |= {name: asked(getattr(target, name)) for name in _TAKE_TASKS if hasattr(target, name)}
    return Wrapped(target, **changed, **only_had(target, replaced))
