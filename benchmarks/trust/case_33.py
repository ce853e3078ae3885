"""Recall that depends on the position of the target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import cross_encoder, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.suite import RunSettings

_UNEVEN = Expected(statuses={"recall_uniform_by_position": (Status.FAILED, Status.INCONCLUSIVE)})
_FAILED = Expected(statuses={"recall_uniform_by_position": (Status.FAILED,)})


def _shifted(shift: Callable[[int], FloatArray]) -> Callable[[RankingTask], FloatArray]:
    return lambda task: score_all(task) + shift(task.n_candidates)


def _judged(n_users: int, n: int, shift: Callable[[int], FloatArray], k: int = 5) -> Callable[[int], Asked]:
    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed), _shifted(shift)), RunSettings(cutoffs=(k,)))


def _last_quarter(by: float) -> Callable[[int], FloatArray]:
    return lambda n: np.where(np.arange(n) >= n - n // 4, by, 0.0)


def _single(position: int) -> Callable[[int], FloatArray]:
    return lambda n: np.where(np.arange(n) == position, -1e3 + 0.0, 0.0)


def _quarters(n_users: int, recalls: tuple[float, ...]) -> Callable[[int], Asked]:
    """Recall of 1.0 in all quarters but the last, by scores that know the target."""

    def build(seed: int) -> Asked:
        judged = tasks(n_users, 20, seed)
        hit = {}
        for number, task in enumerate(judged):
            quarter = (task.target_index or 0) // 5
            hit[task.history] = (task.target_id, (number * 61) % 100 < 100 * recalls[quarter])

        def score(task: RankingTask) -> FloatArray:
            row = score_all(task) / 10.0
            target, found = hit.get(task.history, ("", True))
            for index, item in enumerate(task.candidates):
                if item.item_id == target:
                    row[index] += 5.0 if found else -5.0
            return row

        return Asked(cross_encoder(judged, score), RunSettings(cutoffs=(5,)))

    return build


CASES = (
    Case(
        33,
        "quarters of 1.0/1.0/1.0/0.45, 400 users",
        _quarters(400, (1.0, 1.0, 1.0, 0.45)),
        _FAILED,
        sibling=False,
        fast=True,
    ),
    Case(
        33,
        "quarters of 1.0/1.0/1.0/0.42 (a contrast of -0.58), 60 users",
        _quarters(60, (1.0, 1.0, 1.0, 0.42)),
        _UNEVEN,
        sibling=False,
    ),
    Case(33, "position 3 is never in the top 5, 400 users", _judged(400, 20, _single(3)), _UNEVEN, fast=True),
    Case(33, "position 9 of 10 is never in the top 3, 600 users", _judged(600, 10, _single(9), 3), _FAILED),
    Case(
        33,
        "the last quarter is pushed down, N=40",
        _judged(400, 40, _last_quarter(-5.0)),
        fault("position-prior", "prompt-truncated", "silent-fallback"),
    ),
    Case(33, "the first half of four quarters at 0.5", _quarters(400, (0.5, 0.5, 1.0, 1.0)), _FAILED),
    Case(33, "healthy: quarters of 0.7 each", _quarters(400, (0.7, 0.7, 0.7, 0.7)), silent()),
    Case(
        33,
        "healthy: a slight preference for the first quarter",
        _judged(400, 20, lambda n: np.where(np.arange(n) < n // 4, 0.15, 0.0)),
        silent(),
    ),
)
