"""The checks that people write today: the control that the catalogue's catches are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.target import PredictsProba, RerankTarget, Trains
from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace

__all__ = ["NAIVE_CHECKS", "Observed", "naive_failures", "observe_alone"]

NAIVE_CHECKS = ("loss < log N", "recall > K/N", "probs.std() > 0.01")


@dataclass(frozen=True)
class Observed:
    """What the naive checks look at; `trace` is None of a reranker without a training job."""

    trace: TrainingTrace | None
    tasks: Sequence[RankingTask]
    scores: Sequence[FloatArray]
    probabilities: Sequence[FloatArray]


def naive_failures(observe: Callable[[], Observed], k: int) -> list[str]:
    """Which of the three fail, or what was raised instead; they train and score whatever the data look like.

    As they are mostly written: the loss is the mean of the last tenth of what was recorded; the recall sorts stably, believes
    `target_index`, and skips users without one; the deviation is of all probabilities together.
    """
    try:
        seen = observe()
    except Exception as error:  # a crash is a catch too, although by no check
        return [type(error).__name__]
    passed = (
        seen.trace is None or _loss_below_chance(seen.trace),
        _recall(seen.scores, seen.tasks, k) > k / min(task.n_candidates for task in seen.tasks),
        float(np.concatenate(list(seen.probabilities)).std()) > 0.01,
    )
    return [check for check, ok in zip(NAIVE_CHECKS, passed, strict=True) if not ok]


def observe_alone(target: RerankTarget) -> Observed:
    """Train and score a reranker whose job ours did not start. Nothing of the guard is asked for this.

    Raises:
        Exception: whatever the reranker raises.
    """
    if not isinstance(target, PredictsProba):
        raise TypeError(f"{target.name!r} gives no probabilities")
    trace = target.train(_silent) if isinstance(target, Trains) else None
    tasks = target.tasks()
    return Observed(trace, tasks, target.score(tasks), target.predict_proba(tasks))


def _loss_below_chance(trace: TrainingTrace) -> bool:
    late = trace.letter_nll[-max(1, len(trace.letter_nll) // 10) :]
    return len(trace.letter_nll) > 0 and float(late.mean()) < float(np.log(trace.n_candidates).mean())


def _recall(scores: Sequence[FloatArray], tasks: Sequence[RankingTask], k: int) -> float:
    hits = [
        task.target_index in np.argsort(-np.asarray(row), kind="stable")[:k]
        for row, task in zip(scores, tasks, strict=True)
        if task.target_index is not None
    ]
    return float(np.mean(hits)) if hits else 0.0


def _silent(*_args: object, **_kwargs: object) -> None:
    """A progress callback that shows nothing."""
