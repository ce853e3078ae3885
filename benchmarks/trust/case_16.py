"""Recorded losses on another scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.traces import job_of, learning_nll, nll_trace
from benchmarks.trust.world import cross_encoder, letters, noise, tasks

from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace
from rerank_guard.faults import TrainedOnce, Wrapped

_SCALE = fault("loss-scale-wrong")


def permuted(given: Any) -> list[RankingTask]:
    """Each user's target is another of their candidates."""
    rng = np.random.default_rng(8)
    places = [int(rng.integers(task.n_candidates)) for task in given]
    return [
        replace(task, target_index=place, target_id=task.candidates[place].item_id)
        for task, place in zip(given, places, strict=True)
    ]


@cache
def _on_noise(seed: int) -> TrainedOnce:
    return TrainedOnce(letters(seed).rebuilt(TrainingChange(tasks=permuted)))


def _scaled(base: Callable[[int], TrainedOnce], factor: float) -> Callable[[int], Asked]:
    """The letter reranker whose recorded NLL is multiplied."""

    def build(seed: int) -> Asked:
        target = base(seed)

        def scaled(job: Callable[[Any], TrainingTrace]) -> Callable[[Any], TrainingTrace]:
            def train(progress: Any) -> TrainingTrace:
                trace = job(progress)
                return replace(
                    trace,
                    letter_nll=trace.letter_nll * factor,
                    tempered_nll=None,
                    target_rank=None,
                    target_index=None,
                )

            return train

        return Asked(Wrapped(target, train=scaled(target.train), train_one_batch=scaled(target.train_one_batch)))

    return build


def _untrained(task: RankingTask) -> FloatArray:
    history = tuple(item.text for item in task.history)
    return np.array([noise("untrained", history, item.text) for item in task.candidates])


def _pairs_on_noise(n: int, factor: float) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        rng = np.random.default_rng(seed)
        nll = factor * (np.log(n) + 0.1 * rng.normal(size=1600))
        trace = nll_trace(nll, n, list(range(1600)))
        return Asked(cross_encoder(tasks(300, n, seed), _untrained, train=job_of(trace)))

    return build


def _pairs_learned(n: int, factor: float, start: float = 1.0) -> Callable[[int], Asked]:
    """A job that starts at `start` times log N and learns, its losses recorded times `factor`."""

    def build(seed: int) -> Asked:
        counts = np.full(1600, n)
        nll = learning_nll(counts, seed) - (1.0 - start) * np.log(n)
        trace = nll_trace(factor * np.maximum(nll, 0.01), n, list(range(1600)))
        return Asked(cross_encoder(tasks(300, n, seed), train=job_of(trace)))

    return build


CASES = (
    Case(
        16,
        "noise, recorded NLL divided by 4 accumulation steps",
        _scaled(_on_noise, 0.25),
        _SCALE,
        sibling=False,
        fast=True,
    ),
    Case(16, "a sound job, recorded NLL times 4", _scaled(letters, 4.0), _SCALE, sibling=False, fast=True),
    Case(16, "noise, divided by 2", _scaled(_on_noise, 0.5), _SCALE),
    Case(16, "a sound job, divided by 8", _scaled(letters, 0.125), _SCALE),
    Case(16, "cross-encoder on noise, N=10, divided by 4", _pairs_on_noise(10, 0.25), _SCALE),
    Case(16, "cross-encoder on noise, N=50, times 2", _pairs_on_noise(50, 2.0), _SCALE),
    Case(16, "cross-encoder that learned, N=20, times 8", _pairs_learned(20, 8.0), _SCALE),
    Case(16, "healthy: cross-encoder that learned, N=20", _pairs_learned(20, 1.0), silent()),
    Case(16, "healthy: a base that starts at 0.85 log N", _pairs_learned(50, 1.0, 0.85), silent()),
)
