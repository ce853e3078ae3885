"""The healthy reranker of these tests: the packaged one, trained once a process, which notes what it is asked for.

The module is imported before any inner run, so that all runs of a process share the training job.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from rerank_guard.core.types import TargetDescription
from rerank_guard.faults import TrainedOnce, Wrapped, injector
from rerank_guard.faults.healthy import make_healthy

__all__ = ["STEPS", "described", "healthy", "noted", "stoppable", "trained", "weak"]

STEPS = 200
"""Optimiser steps of its job."""

_NOTED = (
    "train",
    "train_one_batch",
    "score",
    "score_synthetic",
    "predict_proba",
    "score_reloaded",
    "score_without_adapter",
)


@cache
def trained() -> TrainedOnce:
    """The packaged healthy reranker after its training job; each later job returns what was recorded of this one."""
    target = TrainedOnce(make_healthy())
    target.train(_quiet)
    return target


@cache
def weak() -> Wrapped:
    """The same model trained on labels that are mostly noise; its job is shown as the healthy one's."""
    target = injector("B2").broken(trained(), severity=0.8)
    target.train(_quiet)
    return Wrapped(target, train=trained().train, training_tasks=trained().training_tasks)


def healthy(seed: int = 0) -> Wrapped:
    """The trained one under another description, and an untrained one of another seed."""
    return described(trained(), "healthy") if seed == 0 else described(make_healthy(seed), f"healthy {seed}")


def stoppable() -> Wrapped:
    """The trained one with a job of its own, which reports progress and can end early; its scores stay those of the whole job."""
    job = make_healthy()
    return described(Wrapped(trained(), train=job.train, train_one_batch=job.train_one_batch), "healthy")


def noted(target: Any, **replaced: object) -> Wrapped:
    """The reranker with some of its methods replaced. Its `log` lists each call that trains or scores."""
    changed, log = Wrapped(target, **replaced), []
    noting = {name: _noting(getattr(changed, name), name, log) for name in _NOTED if hasattr(changed, name)}
    return Wrapped(changed, log=log, **noting)


def described(target: Any, name: str) -> Wrapped:
    """The reranker under a name, with a description of which every part is told apart from the run's own."""
    details = {"adapter": "bilinear", "loss at the end": float("nan")}
    description = TargetDescription("synthetic films, uniform negatives", "abacus", {"fake": "1.0"}, details)
    return noted(target, name=name, describe=lambda: description)


def _quiet(done: int, total: int, note: str = "") -> None:
    pass


def _noting(method: Callable[..., Any], name: str, log: list[str]) -> Callable[..., Any]:
    @wraps(method)
    def call(*given: Any, **named: Any) -> Any:
        log.append(name)
        return method(*given, **named)

    return call
