"""Faults of the scale: losses that are divided or multiplied, scores that went through a function too often or too coarsely."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.scoring import SCORE_SCALE_WRONG, SCORES_SATURATED
from rerank_guard.core.faults.training import LOSS_SCALE_WRONG
from rerank_guard.core.target import Progress, RerankTarget, Trains
from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.rescored import SCORING_METHODS, answering, as_logits
from rerank_guard.faults.wrapped import Wrapped, ask

__all__ = []

_ACCUMULATED = 4

_SURE = 8.5
"""Log-odds of "yes" of a model that says yes to nearly everything."""


def _losses_times(factor: float) -> Inject:
    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, Trains)
        healthy: Trains = target

        def train(progress: Progress) -> TrainingTrace:
            trace = healthy.train(progress)
            return replace(trace, letter_nll=factor * trace.letter_nll, tempered_nll=None, target_rank=None)

        return Wrapped(target, train=train)

    return inject


def _scores_made(change: Callable[[FloatArray], FloatArray]) -> Inject:
    """The scores as they are returned are a function of each task's logits."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        def faulty(method: Callable[..., object]) -> Callable[..., list[FloatArray]]:
            def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
                rows = ask(method, tasks, progress)
                return [change(as_logits(np.asarray(row, dtype=np.float64))) for row in rows]

            return score

        return answering(
            target, {name: faulty(getattr(target, name)) for name in SCORING_METHODS if hasattr(target, name)}
        )

    return inject


def _sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-values)), dtype=np.float64)


def _saturated(row: FloatArray) -> FloatArray:
    return np.asarray(_sigmoid(_SURE + row - row.mean()), dtype=np.float16).astype(np.float64)


O12A = Injector(
    "O12a",
    LOSS_SCALE_WRONG,
    "the recorded loss is divided by the accumulation steps",
    _losses_times(1.0 / _ACCUMULATED),
    needs=(Trains,),
)
O12B = Injector(
    "O12b",
    LOSS_SCALE_WRONG,
    "the recorded loss is multiplied with the accumulation steps",
    _losses_times(float(_ACCUMULATED)),
    needs=(Trains,),
)
P5A = Injector(
    "P5a", SCORE_SCALE_WRONG, "a sigmoid is applied twice", _scores_made(lambda row: _sigmoid(_sigmoid(row)))
)
P5B = Injector(
    "P5b", SCORE_SCALE_WRONG, "each score is a softmax over a single logit, so always 1", _scores_made(np.ones_like)
)
P5C = Injector("P5c", SCORES_SATURATED, "probabilities in half precision, nearly all 1", _scores_made(_saturated))
