"""Training traces without a model, for jobs whose losses are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rerank_guard.core.types import FloatArray, TrainingTrace
from rerank_guard.recording.recorder import TraceRecorder

__all__ = ["job_of", "learning_nll", "logits_trace", "nll_trace"]

BATCH = 16


def nll_trace(nll: FloatArray, n: FloatArray | int, ids: list[int], *, rate: float = 1e-4) -> TrainingTrace:
    """A job of batches of 16 whose letters have these NLL, in nats, with a warm-up of five steps."""
    counts = np.broadcast_to(np.asarray(n), nll.shape)
    recorder = TraceRecorder(-(-len(nll) // BATCH), 10_000)
    for step, start in enumerate(range(0, len(nll), BATCH)):
        rows = slice(start, start + BATCH)
        recorder.examples(nll[rows], counts[rows], ids[rows])
        recorder.step(rate * min(1.0, (step + 1) / 5.0), 1.0)
    return recorder.finish()


def logits_trace(logits: FloatArray, targets: FloatArray, *, rate: float = 1e-4) -> TrainingTrace:
    """A job of one pass over batches of 16 with these (E, N) letter logits."""
    recorder = TraceRecorder(-(-len(logits) // BATCH), 10_000)
    for step, start in enumerate(range(0, len(logits), BATCH)):
        rows = slice(start, start + BATCH)
        recorder.letters(
            logits[rows], targets[rows], logits.shape[1], list(range(start, start + len(logits[rows])))
        )
        recorder.step(rate * min(1.0, (step + 1) / 5.0), 1.0)
    return recorder.finish()


def learning_nll(n: FloatArray, seed: int, gain: float = 1.2, noise: float = 0.4) -> FloatArray:
    """(E,) NLL of a job that starts at log N and ends `gain` nats below it, with noise by the example."""
    rng = np.random.default_rng(seed)
    progress = np.minimum(1.0, np.arange(len(n)) / (0.6 * len(n)))
    return np.asarray(np.maximum(0.01, np.log(n) - gain * progress + noise * progress * rng.normal(size=len(n))))


def job_of(trace: TrainingTrace) -> Callable[..., TrainingTrace]:
    """`train` of a reranker whose job has left this trace."""

    def train(progress: Any) -> TrainingTrace:
        return trace

    return train
