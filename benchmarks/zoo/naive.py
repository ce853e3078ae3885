"""The gates that people write today: the control that the zoo's catches are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.suite import SuiteSession
from rerank_guard.types import FloatArray, RankingTask, TrainingTrace

__all__ = ["NAIVE_GATES", "naive_failures"]

NAIVE_GATES = ("loss < log N", "recall > K/N", "probs.std() > 0.01")


def naive_failures(session: SuiteSession, k: int) -> list[str]:
    """Which of the three fail, or what broke instead; they train and score whatever the data look like.

    As they are mostly written: the loss is the mean of the last tenth of what was recorded; the recall sorts stably, believes
    `target_index`, and skips users without one; the deviation is of all probabilities together.
    """
    try:
        trace = session.trained()
        tasks, scores = session.tasks(), session.scores()
        probabilities = session.probabilities()
    except Exception as error:  # a crash is a catch too, if not by a gate
        return [type(error).__name__]
    passed = (
        trace is None or _loss_below_chance(trace),
        _recall(scores, tasks, k) > k / min(task.n_candidates for task in tasks),
        float(np.concatenate(probabilities).std()) > 0.01,
    )
    return [gate for gate, ok in zip(NAIVE_GATES, passed, strict=True) if not ok]


def _loss_below_chance(trace: TrainingTrace) -> bool:
    late = trace.letter_nll[-max(1, len(trace.letter_nll) // 10) :]
    return len(trace.letter_nll) > 0 and float(late.mean()) < float(np.log(trace.n_candidates).mean())


def _recall(scores: Sequence[FloatArray], tasks: Sequence[RankingTask], k: int) -> float:
    hits = [
        task.target_index in np.argsort(-row, kind="stable")[:k]
        for row, task in zip(scores, tasks, strict=True)
        if task.target_index is not None
    ]
    return float(np.mean(hits)) if hits else 0.0
