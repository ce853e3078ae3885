"""Some users who are served badly, by a reranker that can only score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, noise, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask

_NAMED = fault("some-users-ranked-badly", "prompt-truncated", "input-truncated")


def _noise_for(bad: Callable[[RankingTask], bool], worse: float = 30.0) -> Callable[[RankingTask], FloatArray]:
    """The scores of these users drown in noise."""

    def score(task: RankingTask) -> FloatArray:
        row = score_all(task)
        if bad(task):
            history = tuple(item.text for item in task.history)
            row = row + worse * np.array([noise("cut", history, item.text) for item in task.candidates])
        return row

    return score


def _long(films: int) -> Callable[[RankingTask], bool]:
    return lambda task: len(task.history) >= films


def _histories(n_users: int, n: int, long: float, worse: float = 30.0) -> Callable[[int], Asked]:
    """A share of `long` users with 25 to 40 films, whose prompts are cut; the others have 4 to 12."""
    lengths = [*range(4, 13)] * 10
    many = [*range(25, 41)]
    lengths += many * round(long / (1.0 - long) * len(lengths) / len(many))
    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed, history=lengths), _noise_for(_long(25), worse)))


def _rare_items(seed: int) -> Asked:
    """Films that nobody took in training are scored at random."""
    judged = tasks(600, 20, seed)
    rng = np.random.default_rng(seed)
    ids = sorted({item.item_id for task in judged for item in task.candidates})
    counts = {item_id: int(count) for item_id, count in zip(ids, rng.integers(20, 200, size=len(ids)), strict=True)}
    rare = set(rng.permutation(ids)[: len(ids) // 4].tolist())
    counts.update(dict.fromkeys(rare, 1))

    def score(task: RankingTask) -> FloatArray:
        row = score_all(task)
        for index, item in enumerate(task.candidates):
            if item.item_id in rare:
                row[index] = -3.0 + 2.0 * noise("rare", task.history[0].text, item.text)
        return row

    return Asked(cross_encoder(judged, score, item_popularity=lambda: Counter(counts)))


CASES = (
    Case(
        30, "the prompts of 27 % of 200 users are cut", _histories(200, 20, 0.27), _NAMED, sibling=False, fast=True
    ),
    Case(30, "25 % of 600 users, N=50", _histories(600, 50, 0.25), _NAMED),
    Case(30, "40 % of 300 users, N=10", _histories(300, 10, 0.4), _NAMED),
    Case(30, "rare films are scored at random", _rare_items, fault("some-users-ranked-badly")),
    Case(30, "healthy: long and short histories, all served alike", _histories(400, 20, 0.27, worse=0.0), silent()),
    Case(30, "healthy: users with long histories a little worse", _histories(400, 20, 0.27, worse=0.5), silent()),
)
