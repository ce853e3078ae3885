"""A reranker judged, or shown to be trained, on rewritten tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.target import KnowsTrainingTasks, RerankTarget
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.figures import recomputed_figures
from rerank_guard.faults.injector import Inject
from rerank_guard.faults.wrapped import Wrapped, only_had

__all__ = ["Rewrite", "held_out", "in_training", "retasked", "some", "with_candidate"]

Rewrite = Callable[[RankingTask, np.random.Generator], RankingTask | None]
"""From a healthy task to the one with the fault; None where it cannot have the fault."""


def held_out(rewrite: Rewrite) -> Inject:
    """A fault in a share of the held-out tasks."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        return retasked(target, some(target.tasks(), rewrite, severity, rng))

    return inject


def in_training(rewrite: Rewrite) -> Inject:
    """A fault in a share of the training tasks as they are shown; the job itself is not run again."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, KnowsTrainingTasks)
        tasks = tuple(some(target.training_tasks(), rewrite, severity, rng))
        return Wrapped(target, training_tasks=lambda: tasks)

    return inject


def retasked(target: RerankTarget, tasks: Sequence[RankingTask]) -> Wrapped:
    """The reranker, judged on other tasks."""
    kept = tuple(tasks)
    judged = Wrapped(target, tasks=lambda: kept)
    return Wrapped(judged, **only_had(target, {"reported_metrics": lambda: recomputed_figures(judged)}))


def some(
    tasks: Sequence[RankingTask], rewrite: Rewrite, share: float, rng: np.random.Generator
) -> list[RankingTask]:
    """A share of the tasks rewritten, drawn at random, at least one.

    Raises:
        NotOfferedError: none of them can have the fault.
    """
    wanted = max(1, round(share * len(tasks)))
    done = list(tasks)
    for index in rng.permutation(len(tasks)).tolist():
        if wanted == 0:
            break
        new = rewrite(done[index], rng)
        if new is not None:
            done[index] = new
            wanted -= 1
    if all(new is old for new, old in zip(done, tasks, strict=True)):
        raise NotOfferedError("no task of this reranker can have this fault")
    return done


def with_candidate(task: RankingTask, position: int, item: Item) -> RankingTask:
    """The task with another item at a position."""
    candidates = list(task.candidates)
    candidates[position] = item
    return replace(task, candidates=tuple(candidates))
