"""Ranks of the list in place of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, first_stage_tasks, letters, letters_with, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask


def _fallen(task: RankingTask, share: float) -> bool:
    return (int(task.query_id.rpartition("-")[2]) * 37) % 100 < 100 * share


def _pairs(share: float, filled: Callable[[int], FloatArray], n_users: int, n: int) -> Callable[[int], Asked]:
    def score(task: RankingTask) -> FloatArray:
        return filled(task.n_candidates) if _fallen(task, share) else score_all(task)

    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed), score))


def _letters(share: float, filled: Callable[[int], FloatArray]) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        def score(given: Sequence[RankingTask]) -> list[FloatArray]:
            rows = letters(seed).score(given)
            return [
                filled(task.n_candidates) if task.query_id.startswith("test-") and _fallen(task, share) else row
                for task, row in zip(given, rows, strict=True)
            ]

        return Asked(letters_with(seed, score=score))

    return build


def _ranks(row: FloatArray) -> FloatArray:
    return np.asarray(np.argsort(np.argsort(-row)))


def _fusion(seed: int) -> Asked:
    def score(task: RankingTask) -> FloatArray:
        first = (
            np.arange(task.n_candidates)
            if task.first_stage_scores is None
            else _ranks(np.array(task.first_stage_scores))
        )
        return np.asarray(1.0 / (60.0 + _ranks(score_all(task))) + 0.1 / (60.0 + first))

    return Asked(cross_encoder(first_stage_tasks(400, 20, seed, error=1.5), score))


def _reciprocal(n: int) -> FloatArray:
    return np.asarray(1.0 / (60.0 + np.arange(1, n + 1)))


CASES = (
    Case(
        20,
        "1/(60+rank) of the list for 5 % of 400 users",
        _pairs(0.05, _reciprocal, 400, 20),
        fault("silent-fallback"),
        sibling=False,
        fast=True,
    ),
    Case(
        20,
        "letters: 1/(60+rank) for 10 % of the users",
        _letters(0.1, _reciprocal),
        fault("silent-fallback"),
        fast=True,
    ),
    Case(
        20,
        "1/rank for 8 % of 200 users, N=50",
        _pairs(0.08, lambda n: 1.0 / np.arange(1, n + 1), 200, 50),
        fault("silent-fallback"),
    ),
    Case(
        20,
        "N - position for 5 % of 600 users, N=10",
        _pairs(0.05, lambda n: np.arange(n, 0, -1.0), 600, 10),
        fault("silent-fallback"),
    ),
    Case(20, "1/(60+rank) for everybody", _pairs(1.0, _reciprocal, 300, 20), fault("silent-fallback")),
    Case(
        20,
        "healthy: 1/(60+rank) of the model's own ranking",
        lambda seed: Asked(
            cross_encoder(tasks(400, 20, seed), lambda task: 1.0 / (60.0 + _ranks(score_all(task))))
        ),
        silent(),
    ),
    Case(20, "healthy: the model's ranking fused with the first stage's", _fusion, silent()),
)
