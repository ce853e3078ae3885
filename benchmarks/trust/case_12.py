"""Probabilities that are flat, with a sound ranking."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import (
    cross_encoder,
    letters,
    letters_with,
    mapped,
    rows_by,
    score_all,
    sigmoid,
    softmax,
    tasks,
)

from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import FloatArray

_NOTHING_LEARNED = TrainingChange(learning_rate_factor=1e-4)

_SCALE = Expected(faults=("score-scale-wrong",), silent=True, never=("under-trained", "no-signal"))
"""A scale fault or nothing; never one of the job."""


def _letters_at(temperature: float) -> Callable[[int], Asked]:
    return lambda seed: Asked(
        letters_with(seed, predict_proba=mapped(letters(seed).score, lambda row: softmax(row / temperature)))
    )


def _pairs(
    n_users: int, n: int, score: Callable[[FloatArray], FloatArray], proba: Callable[[FloatArray], FloatArray]
) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        scored = mapped(rows_by(score_all), score)
        return Asked(cross_encoder(tasks(n_users, n, seed), score=scored, predict_proba=mapped(scored, proba)))

    return build


CASES = (
    Case(
        12, "probabilities at temperature 100, order intact", _letters_at(100.0), _SCALE, sibling=False, fast=True
    ),
    Case(
        12,
        "cross-encoder: scores are sigmoids, predict_proba their softmax",
        _pairs(400, 20, sigmoid, softmax),
        _SCALE,
        sibling=False,
        fast=True,
    ),
    Case(12, "letters at temperature 20", _letters_at(20.0), _SCALE),
    Case(
        12,
        "cross-encoder, N=10, temperature 1000",
        _pairs(300, 10, lambda row: row, lambda row: softmax(row / 1e3)),
        _SCALE,
    ),
    Case(12, "cross-encoder, N=50, 100 users, softmax of sigmoids", _pairs(100, 50, sigmoid, softmax), _SCALE),
    Case(
        12,
        "a job that learned nothing, probabilities near uniform",
        lambda seed: Asked(letters(seed).rebuilt(_NOTHING_LEARNED)),
        fault("no-signal", "no-update", "under-trained"),
    ),
    Case(12, "healthy: letters at temperature 2", _letters_at(2.0), silent()),
    Case(
        12,
        "healthy: cross-encoder whose sigmoid scores are all that it shows",
        lambda seed: Asked(cross_encoder(tasks(300, 20, seed), lambda task: sigmoid(score_all(task)))),
        silent(),
    ),
)
