"""What is given to a reranker, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask

_MALFORMED = fault("result-malformed", "silent-nan", "silent-fallback")


def _rewriting(field: str, value: Callable[[RankingTask], Any], n_users: int, n: int) -> Callable[[int], Asked]:
    """`score` that writes into the tasks that it is given."""

    def build(seed: int) -> Asked:
        def score(given: Sequence[RankingTask]) -> list[FloatArray]:
            rows = [score_all(task) for task in given]
            for task, row in zip(given, rows, strict=True):
                best = int(np.argmax(row))
                object.__setattr__(task, "target_index", best)
                object.__setattr__(task, field, value(task))
            return rows

        return Asked(cross_encoder(tasks(n_users, n, seed), score=score))

    return build


def _reordered(seed: int) -> Asked:
    """Sorts the candidates of its tasks in place."""

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        rows = []
        for task in given:
            row = score_all(task)
            order = np.argsort(-row)
            object.__setattr__(task, "candidates", tuple(task.candidates[index] for index in order))
            rows.append(row[order])
        return rows

    return Asked(cross_encoder(tasks(200, 20, seed), score=score))


def _gives(change: Callable[[list[FloatArray]], Any], n: int = 20) -> Callable[[int], Asked]:
    return lambda seed: Asked(
        cross_encoder(tasks(200, n, seed), score=lambda given: change([score_all(task) for task in given]))
    )


def _masked(rows: list[FloatArray]) -> list[Any]:
    return [np.ma.masked_less(row, np.median(row)) for row in rows]


def _masked_proba(seed: int) -> Asked:
    def proba(given: Sequence[RankingTask]) -> list[Any]:
        return [np.ma.masked_less(row, 0.01) for row in letters(seed).predict_proba(given)]

    return Asked(letters_with(seed, predict_proba=proba))


def _generator(rows: list[FloatArray]) -> Iterator[FloatArray]:
    yield from rows


CASES = (
    Case(
        11,
        "score() writes its best candidate into the tasks as the target",
        _rewriting("target_id", lambda task: task.candidates[task.target_index or 0].item_id, 300, 20),
        fault("tasks-rewritten"),
        sibling=False,
        fast=True,
    ),
    Case(11, "scores with a numpy mask", _gives(_masked), _MALFORMED, sibling=False, fast=True),
    Case(11, "score() gives a generator", _gives(_generator), silent(), sibling=False),
    Case(11, "score() sorts the candidates in place", _reordered, fault("tasks-rewritten")),
    Case(
        11,
        "score() shortens the histories of its tasks",
        _rewriting("history", lambda task: task.history[-2:], 150, 10),
        fault("tasks-rewritten"),
    ),
    Case(11, "letters: probabilities with a mask", _masked_proba, _MALFORMED),
    Case(
        11,
        "one masked value in one row, N=50",
        _gives(lambda rows: [np.ma.masked_array(rows[0], [True] + [False] * 49), *rows[1:]], 50),
        _MALFORMED,
    ),
    Case(11, "healthy: a tuple of lists", _gives(lambda rows: tuple(row.tolist() for row in rows)), silent()),
    Case(
        11,
        "healthy: a masked array without a mask",
        _gives(lambda rows: [np.ma.masked_array(row, False) for row in rows]),
        Expected(silent=True, faults=("result-malformed",)),
    ),
)
