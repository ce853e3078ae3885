"""A reranker whose scores are changed before they are returned, by all of its scoring methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.figures import recomputed_figures
from rerank_guard.faults.wrapped import Wrapped, ask, only_had

__all__ = ["SCORING_METHODS", "Rescore", "answering", "as_logits", "rescored", "softmax", "spread_of"]

Rescore = Callable[[Sequence[RankingTask], list[FloatArray]], list[FloatArray]]
"""From the tasks of one call and their logits, one (N,) a task, to the faulty logits."""

SCORING_METHODS = ("score", "score_synthetic", "score_reloaded", "score_without_adapter")
"""The methods that use a reranker's scoring code; `predict_proba` is the softmax of the first."""


def rescored(target: RerankTarget, change: Rescore) -> Wrapped:
    """The reranker with a fault in its scoring code.

    Scores that are probabilities are changed as log-probabilities and returned as probabilities again, so that a fault is
    the same for every reranker.
    """

    def faulty(method: Callable[..., object]) -> Callable[..., list[FloatArray]]:
        def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
            rows = [np.asarray(row, dtype=np.float64) for row in ask(method, tasks, progress)]
            changed = change(tasks, [as_logits(row) for row in rows])
            return [softmax(new) if _is_probability(old) else new for old, new in zip(rows, changed, strict=True)]

        return score

    return answering(
        target, {name: faulty(getattr(target, name)) for name in SCORING_METHODS if hasattr(target, name)}
    )


def answering(target: RerankTarget, scoring: dict[str, Callable[..., list[FloatArray]]]) -> Wrapped:
    """The reranker with some of its scoring methods replaced; probabilities and its own figures follow from `score`."""

    def predict_proba(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        rows = ask(scoring["score"], tasks, progress)
        return [row if _is_probability(row) else softmax(row) for row in rows]

    had = only_had(target, dict(scoring))
    inner = Wrapped(target, **had)
    following = {"predict_proba": predict_proba, "reported_metrics": lambda: recomputed_figures(inner)}
    return Wrapped(target, **had, **only_had(target, dict(following)))


def softmax(logits: FloatArray) -> FloatArray:
    """(N,) probabilities."""
    odds = np.exp(logits - logits.max())
    return np.asarray(odds / odds.sum(), dtype=np.float64)


def spread_of(rows: Sequence[FloatArray]) -> float:
    """The median range of a row, 1 where that is 0 or unknown."""
    ranges = [float(np.ptp(row)) for row in rows if np.isfinite(row).all()]
    return float(np.median(ranges)) if ranges and np.median(ranges) > 0 else 1.0


def _is_probability(row: FloatArray) -> bool:
    return bool((row >= 0.0).all() and abs(float(row.sum()) - 1.0) < 1e-3)


def as_logits(row: FloatArray) -> FloatArray:
    """The row itself, or its logarithm where it is a distribution."""
    return np.log(np.maximum(row, 1e-12)) if _is_probability(row) else row
