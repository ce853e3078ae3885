"""Scores that are equal, each kind by its own name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, noise, score_all, sigmoid, tasks

from rerank_guard.core.types import FloatArray, LetterTable, RankingTask


def _rounded(kind: type[np.floating], shift: float, scale: float, n: int) -> Callable[[int], Asked]:
    """Yes-probabilities of a model whose logits are about `shift`, in a short float."""
    return lambda seed: Asked(
        cross_encoder(
            tasks(400, n, seed),
            lambda task: sigmoid(shift + scale * score_all(task)).astype(kind).astype(np.float64),
        )
    )


def _constant(value: float, n_users: int = 400, n: int = 20) -> Callable[[int], Asked]:
    return lambda seed: Asked(
        cross_encoder(tasks(n_users, n, seed), lambda task: np.full(task.n_candidates, value))
    )


def _one_id(seed: int) -> Asked:
    """Every letter is read at the id of A."""
    table = letters(seed).letter_table()
    first = table.letters[0].scored_token_id
    read = LetterTable(tuple(replace(each, scored_token_id=first) for each in table.letters))

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        return [np.full(len(row), row[0]) for row in letters(seed).score(given)]

    def proba(given: Sequence[RankingTask]) -> list[FloatArray]:
        return [np.full(len(row), 1.0 / len(row)) for row in score(given)]

    return Asked(
        letters_with(seed, score=score, score_synthetic=score, predict_proba=proba, letter_table=lambda: read)
    )


def _cut_away(share: float, n: int) -> Callable[[int], Asked]:
    """The documents of users with a long query are cut off: what is left is the query, and so one score a user."""

    def score(task: RankingTask) -> FloatArray:
        if sum(map(ord, task.query_id)) % 100 < 100 * share:
            return np.full(task.n_candidates, noise(task.query_id, task.history[0].text))
        return score_all(task)

    return lambda seed: Asked(cross_encoder(tasks(400, n, seed), score))


CASES = (
    Case(
        17,
        "yes-probabilities in float16 saturate at 1.0",
        _rounded(np.float16, 8.0, 1.0, 20),
        fault("scores-saturated"),
        sibling=False,
        fast=True,
    ),
    Case(
        17,
        "all letters are read at one id",
        _one_id,
        fault("letter-collision", "wrong-letter-variant", not_says=("do not come out of a forward pass",)),
        sibling=False,
        fast=True,
    ),
    Case(
        17,
        "the documents are cut away for every user",
        _cut_away(1.0, 20),
        fault(
            "prompt-truncated", "input-truncated", "ties-decide", not_says=("do not come out of a forward pass",)
        ),
        sibling=False,
    ),
    Case(17, "constant zeros for everybody", _constant(0.0), fault("silent-fallback"), sibling=False, fast=True),
    Case(17, "float16, N=50, steeper logits", _rounded(np.float16, 7.0, 2.0, 50), fault("scores-saturated")),
    Case(17, "float32 saturates at 1.0", _rounded(np.float32, 17.0, 2.0, 10), fault("scores-saturated")),
    Case(17, "constant 0.5 for everybody, 150 users, N=10", _constant(0.5, 150, 10), fault("silent-fallback")),
    Case(17, "constant -10000 for everybody", _constant(-1e4), fault("silent-fallback")),
    Case(
        17,
        "the documents are cut away for 30 % of the users",
        _cut_away(0.3, 10),
        fault(
            "prompt-truncated", "input-truncated", "ties-decide", not_says=("do not come out of a forward pass",)
        ),
    ),
    Case(17, "healthy: float16 far from its ends", _rounded(np.float16, 0.0, 0.5, 20), silent()),
    Case(17, "healthy: float64 sigmoids near 1", _rounded(np.float64, 6.0, 1.0, 20), silent()),
)
