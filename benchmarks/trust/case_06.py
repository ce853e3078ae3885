"""Scores that are kept by user."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, rows_by, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask

Score = Callable[[Sequence[RankingTask]], Sequence[FloatArray]]


def _cached(score: Score, key: Callable[[RankingTask], Hashable]) -> Score:
    kept: dict[Hashable, FloatArray] = {}

    def cached(given: Sequence[RankingTask]) -> list[FloatArray]:
        rows = []
        for task in given:
            if key(task) not in kept:
                kept[key(task)] = score([task])[0]
            rows.append(kept[key(task)])
        return rows

    return cached


def _letters_by_user(seed: int) -> Asked:
    cached = _cached(letters(seed).score, lambda task: task.query_id)
    return Asked(letters_with(seed, score=cached, score_synthetic=cached))


def _pairs(n_users: int, n: int, key: Callable[[RankingTask], Hashable]) -> Callable[[int], Asked]:
    """Scores one task like another, also tasks that are not in tasks(); both from one cache."""

    def build(seed: int) -> Asked:
        cached = _cached(rows_by(score_all), key)
        return Asked(cross_encoder(tasks(n_users, n, seed), score=cached, score_synthetic=cached))

    return build


def _by_query_text(seed: int) -> Asked:
    judged = [
        replace(task, query=f"films like {' and '.join(item.text for item in task.history)}")
        for task in tasks(150, 15, seed)
    ]
    cached = _cached(rows_by(score_all), lambda task: task.query)
    return Asked(cross_encoder(judged, score=cached, score_synthetic=cached))


def _pairs_kept(seed: int) -> Asked:
    kept: dict[Hashable, float] = {}

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        rows = []
        for task in given:
            row = score_all(task)
            for index, item in enumerate(task.candidates):
                row[index] = kept.setdefault((task.history, item), float(row[index]))
            rows.append(row)
        return rows

    return Asked(cross_encoder(tasks(150, 15, seed), score=score, score_synthetic=score))


CASES = (
    Case(6, "scores cached by user id, N=20", _letters_by_user, fault("scores-cached"), sibling=False, fast=True),
    Case(
        6,
        "cross-encoder, 60 users, N=50, cached by user id",
        _pairs(60, 50, lambda task: task.query_id),
        fault("scores-cached"),
        fast=True,
    ),
    Case(
        6,
        "cross-encoder, cached by user id and N",
        _pairs(300, 10, lambda task: (task.query_id, task.n_candidates)),
        fault("scores-cached"),
    ),
    Case(6, "cached by the query's text", _by_query_text, fault("scores-cached")),
    Case(
        6,
        "healthy: cached by user and all candidates in their order",
        _pairs(200, 20, lambda task: (task.query_id, task.history, task.candidates)),
        silent(),
    ),
    Case(6, "healthy: each (history, film) pair cached", _pairs_kept, silent()),
)
