"""Jobs that are over-confident, and those that learned nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent, status
from benchmarks.trust.traces import job_of, logits_trace, nll_trace
from benchmarks.trust.world import cross_encoder, noise, tasks

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status

_NO_ALARM = status(
    "loss_below_random", Status.PASSED, Status.INCONCLUSIVE, never=("under-trained", "no-signal", "diverged")
)


def _drawn(
    examples: int, n: int, sharp: float, factor: float, error: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Logits factor * (truth + error), truth ~ N(0, sharp), target ~ softmax(truth)."""
    rng = np.random.default_rng(seed)
    truth = sharp * rng.normal(size=(examples, n))
    odds = np.exp(truth - truth.max(axis=1, keepdims=True))
    cumulated = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)
    targets = (rng.random((examples, 1)) > cumulated).sum(axis=1).clip(max=n - 1)
    return factor * (truth + error * rng.normal(size=truth.shape)), targets


def _over_confident(
    examples: int, n: int, factor: float, seeds: int = 0, *, logits: bool = True
) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        drawn, targets = _drawn(examples, n, 1.5, factor, 0.5, seed + seeds)
        trace = logits_trace(drawn, targets) if logits else _by_nll(drawn, targets)
        return Asked(cross_encoder(tasks(400, n, seed), train=job_of(trace)))

    return build


def _by_nll(logits: FloatArray, targets: FloatArray) -> object:
    shifted = logits - logits.max(axis=1, keepdims=True)
    nll = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets.astype(int)]
    return nll_trace(nll, logits.shape[1], list(range(len(nll))))


def _untrained(task: RankingTask) -> FloatArray:
    return np.array(
        [noise("untrained", task.history[0].text if task.history else "", item.text) for item in task.candidates]
    )


def _noise(seed: int) -> Asked:
    rng = np.random.default_rng(seed)
    trace = logits_trace(0.2 * rng.normal(size=(3200, 20)), rng.integers(20, size=3200))
    return Asked(cross_encoder(tasks(400, 20, seed), _untrained, train=job_of(trace)))


CASES = (
    *(
        Case(
            26,
            f"240 examples, N=20, logits twice the truth, draw {draw}",
            _over_confident(240, 20, 2.0, draw),
            _NO_ALARM,
            sibling=False,
            fast=draw == 0,
        )
        for draw in range(4)
    ),
    Case(26, "480 examples, N=10, logits three times the truth", _over_confident(480, 10, 3.0), _NO_ALARM),
    Case(26, "400 examples, N=50, logits twice the truth", _over_confident(400, 50, 2.0), _NO_ALARM),
    Case(26, "240 examples, recorded by NLL alone", _over_confident(240, 20, 2.0, 7, logits=False), _NO_ALARM),
    Case(26, "1,600 examples, N=20, logits 2.5 times the truth", _over_confident(1600, 20, 2.5), _NO_ALARM),
    Case(26, "3,200 examples of noise, scores of noise", _noise, fault("no-signal", "under-trained")),
    Case(26, "healthy: 1,600 examples, calibrated", _over_confident(1600, 20, 1.0), silent()),
)
