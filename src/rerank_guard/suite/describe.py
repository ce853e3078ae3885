"""The head of a report: who was judged, where, with which versions."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

import numpy as np

from rerank_guard.core.report import Subject, TrainingSummary
from rerank_guard.core.target import Describes
from rerank_guard.core.types import TrainingTrace
from rerank_guard.suite.asking import Asking

__all__ = ["device_of", "subject_of"]

_NOT_DESCRIBED = "not described"


def device_of(asking: Asking) -> str:
    """Where the model runs, as the reranker or else the caller says."""
    if isinstance(asking.reranker, Describes):
        return asking.reranker.describe().device
    return asking.settings.device or _NOT_DESCRIBED


def subject_of(asking: Asking, trace: TrainingTrace | None) -> Subject:
    """The report's head, with the reranker's own description where it gives one; `trace` of a job that has ended."""
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        **({"rerank-guard": own} if (own := _own_version()) else {}),
    }
    dataset, details = _NOT_DESCRIBED, {}
    if isinstance(asking.reranker, Describes):
        description = asking.reranker.describe()
        dataset = description.dataset
        versions |= description.versions
        details = dict(description.details)
    return Subject(
        target=asking.reranker.name,
        dataset=dataset,
        device=device_of(asking),
        seed=asking.settings.seed,
        versions=versions,
        details=details,
        training=None if trace is None else _summary(trace),
    )


def _summary(trace: TrainingTrace) -> TrainingSummary:
    return TrainingSummary(
        steps=trace.optimizer_steps,
        planned_steps=int(trace.planned_steps),
        examples=len(trace.letter_nll),
        trainable_parameters=int(trace.trainable_parameters),
        seconds=float(trace.seconds),
        stopped_early=trace.stopped_early,
    )


@cache  # each verdict of a pytest run asks, and reading the installed metadata takes milliseconds
def _own_version() -> str:
    """This package's version; "" when it runs from a source tree that is not installed."""
    try:
        return metadata.version("rerank-guard")
    except metadata.PackageNotFoundError:
        return ""
