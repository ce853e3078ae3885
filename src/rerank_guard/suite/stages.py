"""Calling a target's method with progress, where its signature takes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from rerank_guard.core.target import Progress
from rerank_guard.core.types import RankingTask

__all__ = ["ProgressStage", "call_unseen", "call_with_progress", "takes"]


class ProgressStage:
    """Progress of one stage: the name of the work comes before the reranker's own note."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        self._progress = progress
        self._name = name
        self._ended = False

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report, under the stage's name; the end is reported once."""
        if self._progress is None or (self._ended and done >= total):
            return
        self._ended = done >= total
        self._progress(done, total, f"{self._name}, {note}" if note else self._name)


def call_with_progress(
    method: Callable[..., object], tasks: Sequence[RankingTask], progress: Callable[..., None]
) -> object:
    """Call `method(tasks)`, handing it `progress` if its signature has a parameter of that name."""
    __tracebackhide__ = True
    return method(tasks, progress=progress) if takes(method, "progress") else method(tasks)


def call_unseen(method: Callable[..., object], tasks: Sequence[RankingTask]) -> object:
    """As `call_with_progress`, of a call that is too short, or too often made, to show."""
    __tracebackhide__ = True
    return call_with_progress(method, tasks, ProgressStage(None, ""))


def takes(method: Callable[..., object], name: str) -> bool:
    """Whether a method's signature has a parameter of this name."""
    try:
        return name in inspect.signature(method).parameters
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False
