"""Losses of a job whose optimiser does not hold the weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.traces import job_of, learning_nll, nll_trace
from benchmarks.trust.world import cross_encoder, letters_with, noise, tasks

from rerank_guard.core.types import FloatArray, RankingTask


def _constant(examples: int, passes: int, n: int, seed: int, jitter: float = 0.0) -> tuple[FloatArray, list[int]]:
    """NLL of an untrained model, the same for an example at each pass, up to the jitter of its kernels."""
    rng = np.random.default_rng(seed)
    each = np.log(n) + 0.15 * rng.normal(size=examples)
    ids = [int(index) for _ in range(passes) for index in rng.permutation(examples)]
    return each[ids] + jitter * rng.normal(size=len(ids)), ids


def _untrained(task: RankingTask) -> FloatArray:
    history = tuple(item.text for item in task.history)
    return np.array([noise("untrained", history, item.text) for item in task.candidates])


def _one_batch_constant(seed: int) -> Asked:
    nll, ids = _constant(8, 60, 20, seed)
    return Asked(letters_with(seed, train_one_batch=job_of(nll_trace(nll, 20, ids, rate=3e-3))))


def _job(examples: int, passes: int, n: int, jitter: float = 0.0) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        nll, ids = _constant(examples, passes, n, seed, jitter)
        return Asked(cross_encoder(tasks(300, n, seed), _untrained, train=job_of(nll_trace(nll, n, ids))))

    return build


def _hardest_last(seed: int) -> Asked:
    """Lists of 5 first and of 40 last: the loss rises, though every example is learned."""
    counts = np.sort(np.random.default_rng(seed).choice([5, 10, 20, 40], size=1600))
    twice = np.concatenate([counts, counts])
    trace = nll_trace(learning_nll(twice, seed), twice, [*range(1600), *range(1600)])
    return Asked(cross_encoder(tasks(400, [5, 10, 20, 40], seed), train=job_of(trace)))


def _one_batch_learned(seed: int) -> Asked:
    """Eight examples of unlike difficulty, in another order at each pass, overfitted slowly."""
    rng = np.random.default_rng(seed)
    ids = [int(index) for _ in range(80) for index in rng.permutation(8)]
    fall = np.repeat(np.linspace(1.0, 0.02, 80), 8)
    nll = np.log(20) * np.linspace(0.6, 1.4, 8)[ids] * fall
    return Asked(letters_with(seed, train_one_batch=job_of(nll_trace(nll, 20, ids, rate=3e-3))))


CASES = (
    Case(
        13,
        "the losses of the smoke training are constant by example, in another order each pass",
        _one_batch_constant,
        fault("no-update"),
        sibling=False,
        fast=True,
    ),
    Case(
        13,
        "job of 4 passes over 200 examples, N=20, losses constant",
        _job(200, 4, 20),
        fault("no-update"),
        fast=True,
    ),
    Case(13, "job of 2 passes over 800 examples, N=50, losses constant", _job(800, 2, 50), fault("no-update")),
    Case(
        13,
        "the same with kernels that differ by 1e-7",
        _job(400, 3, 10, jitter=1e-7),
        fault("no-update"),
    ),
    Case(
        13,
        "healthy: the longest lists come last, so that the loss rises",
        _hardest_last,
        silent(never=("diverged",)),
    ),
    Case(13, "healthy: 8 examples of unlike difficulty are overfitted slowly", _one_batch_learned, silent()),
)
