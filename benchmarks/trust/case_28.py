"""Jobs that stay at chance, and what may be said of their data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.trust.case_16 import permuted
from benchmarks.trust.record import Asked, Case, Expected, silent
from benchmarks.trust.traces import job_of, learning_nll, logits_trace, nll_trace
from benchmarks.trust.world import cross_encoder, letters, noise, tasks

from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import FloatArray, RankingTask

_OPEN = Expected(
    faults=("no-signal", "under-trained", "no-update"),
    says=("cannot learn|base",),
    not_says=("has no rule in it",),
)


def _untrained(task: RankingTask) -> FloatArray:
    history = tuple(item.text for item in task.history)
    return np.array([noise("untrained", history, item.text) for item in task.candidates])


def _at_chance(examples: int, n: int) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        rng = np.random.default_rng(seed)
        trace = logits_trace(0.15 * rng.normal(size=(examples, n)), rng.integers(n, size=examples))
        training = tasks(examples, n, seed + 60, prefix="train")
        return Asked(
            cross_encoder(tasks(300, n, seed), _untrained, train=job_of(trace), training_tasks=lambda: training)
        )

    return build


def _late(seed: int) -> Asked:
    """At chance for the first third, then it learns."""
    nll = np.concatenate(
        [np.log(20) + 0.05 * np.random.default_rng(seed).normal(size=800), learning_nll(np.full(1600, 20), seed)]
    )
    return Asked(cross_encoder(tasks(400, 20, seed), train=job_of(nll_trace(nll, 20, list(range(2400))))))


CASES = (
    Case(
        28,
        "letters whose job stays at chance",
        lambda seed: Asked(letters(seed).rebuilt(TrainingChange(tasks=permuted))),
        _OPEN,
        sibling=False,
        fast=True,
    ),
    Case(28, "cross-encoder, N=10, 1,600 examples at chance", _at_chance(1600, 10), _OPEN),
    Case(28, "cross-encoder, N=40, 3,200 examples at chance", _at_chance(3200, 40), _OPEN),
    Case(28, "cross-encoder, N=20, 2,400 examples at chance", _at_chance(2400, 20), _OPEN),
    Case(28, "healthy: at chance for a third of the job, then it learns", _late, silent()),
)
