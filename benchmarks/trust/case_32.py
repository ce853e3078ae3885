"""Values that are filled in where the model gave none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, score_all, sigmoid, tasks

from rerank_guard.core.types import FloatArray, RankingTask

_FILLED = fault("silent-fallback")


def _number(task: RankingTask) -> int:
    return int("0" + "".join(filter(str.isdigit, task.query_id)))


def _letter_filled(position: int, value: float) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        def score(given: Sequence[RankingTask]) -> list[FloatArray]:
            rows = [row.copy() for row in letters(seed).score(given)]
            for row in rows:
                if len(row) > position:
                    row[position] = value
            return rows

        return Asked(letters_with(seed, score=score, score_synthetic=score))

    return build


def _constant_rows(n_users: int, n: int, constant: int, value: float | None = 0.0) -> Callable[[int], Asked]:
    """The first `constant` users have one value in all of their row; None for one of their own."""

    def score(task: RankingTask) -> FloatArray:
        if _number(task) < constant:
            return np.full(task.n_candidates, 0.01 * _number(task) if value is None else value)
        return score_all(task)

    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed), score))


def _some_filled(n_users: int, n: int, share: float, value: float) -> Callable[[int], Asked]:
    """A share of all pairs has one exact value."""

    def score(task: RankingTask) -> FloatArray:
        row = score_all(task)
        for index, item in enumerate(task.candidates):
            if (sum(map(ord, item.text)) * 31 + _number(task)) % 1000 < 1000 * share:
                row[index] = value
        return row

    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed), score))


def _two_decimals(seed: int) -> Asked:
    """Scores of an API with four decimals: values recur by rounding alone."""
    return Asked(cross_encoder(tasks(400, 20, seed), lambda task: np.round(sigmoid(score_all(task)), 4)))


CASES = (
    Case(
        32,
        "one exact value in every row for one letter",
        _letter_filled(7, 1.25),
        _FILLED,
        sibling=False,
        fast=True,
    ),
    Case(32, "20 of 400 users with constant rows", _constant_rows(400, 20, 20), _FILLED, sibling=False, fast=True),
    Case(32, "5 of 150 users with constant rows, N=10", _constant_rows(150, 10, 5), _FILLED),
    Case(32, "30 of 400 users with constant rows of -100", _constant_rows(400, 20, 30, -100.0), _FILLED),
    Case(32, "letters: 0.0 for the letter A", _letter_filled(0, 0.0), _FILLED),
    Case(32, "cross-encoder, N=50: 4 % of all pairs are 0.5", _some_filled(200, 50, 0.04, 0.5), _FILLED),
    Case(32, "healthy: four decimals of a sigmoid", _two_decimals, silent()),
    Case(32, "healthy: one of 400 users with a constant row", _constant_rows(400, 20, 1), silent()),
)
