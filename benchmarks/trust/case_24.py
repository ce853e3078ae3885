"""Agreement with the first stage, and what is really the first stage's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent, status
from benchmarks.trust.world import cross_encoder, first_stage_tasks, noise, score_all, tasks, utility

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.suite import RunSettings

_NO_ALARM = status("no_order_fallback", Status.PASSED, Status.INCONCLUSIVE, never=("silent-fallback",))
_FALLBACK = fault("silent-fallback")


def _first(task: RankingTask) -> FloatArray:
    return np.array(task.first_stage_scores or np.arange(task.n_candidates, 0, -1.0))


def _standard(row: FloatArray) -> FloatArray:
    return np.asarray((row - row.mean()) / row.std())


def agreeing(n_users: int, n: int, weight: float, *, shown: bool = False) -> Callable[[int], Asked]:
    """A score that goes with the first stage's at a correlation of about `weight`, and adds what it knows itself."""

    def build(seed: int) -> Asked:
        made = first_stage_tasks(n_users, n, seed, error=1.0)
        scores = {}
        for task in made:
            first = _standard(_first(task))
            own = _standard(utility(task) - first * float(first @ utility(task)) / n)  # what the first stage misses
            mixed = weight * first + np.sqrt(1.0 - weight**2) * own
            scores.update(
                {(task.query_id, item.item_id): s for item, s in zip(task.candidates, mixed, strict=True)}
            )
        judged = made if shown else [replace(task, first_stage_scores=None) for task in made]

        def score(task: RankingTask) -> FloatArray:
            return np.array(
                [
                    scores.get((task.query_id, item.item_id), noise(task.query_id, item.item_id))
                    for item in task.candidates
                ]
            )

        return Asked(cross_encoder(judged, score))

    return build


def _relevant_first(task: RankingTask) -> FloatArray:
    """A listwise answer: the few that fit, best first, then all others as listed."""
    match = score_all(task)
    fits = np.argsort(-match)[: 2 + sum(map(ord, task.query_id)) % 5]
    others = [index for index in range(task.n_candidates) if index not in set(fits.tolist())]
    row = np.empty(task.n_candidates)
    row[[*fits.tolist(), *others]] = np.arange(task.n_candidates, 0, -1.0)
    return row


def _tail_of_first_stage(n_users: int, n: int, from_position: int) -> Callable[[int], Asked]:
    def score(task: RankingTask) -> FloatArray:
        row = 20.0 + score_all(task)
        row[from_position:] = _first(task)[from_position:]
        return row

    return lambda seed: Asked(cross_encoder(first_stage_tasks(n_users, n, seed, error=1.5), score))


def _never_named(n_users: int, n: int, named: int) -> Callable[[int], Asked]:
    """An order of the first `named` candidates; those after them stay where they were."""

    def score(task: RankingTask) -> FloatArray:
        order = [*np.argsort(-score_all(task)[:named]).tolist(), *range(named, task.n_candidates)]
        row = np.empty(task.n_candidates)
        row[order] = np.arange(task.n_candidates, 0, -1.0)
        return row

    return lambda seed: Asked(cross_encoder(tasks(n_users, n, seed), score))


def _declared_top(seed: int) -> Asked:
    """top_n: 20 of 30 are scored, and the tasks say so."""
    judged = [
        replace(task, scored=tuple(index < 20 for index in range(30)))
        for task in first_stage_tasks(400, 30, seed, error=1.0)
    ]

    def score(task: RankingTask) -> FloatArray:
        row = 10.0 + score_all(task)
        if task.scored is not None:
            row[20:] = -10.0 - np.arange(task.n_candidates - 20)
        return row

    return Asked(cross_encoder(judged, score), RunSettings(cutoffs=(5,)))


CASES = (
    Case(
        24,
        "agrees with the first stage at 0.8, N=10, 1,000 users",
        agreeing(1000, 10, 0.8),
        _NO_ALARM,
        sibling=False,
        fast=True,
    ),
    Case(24, "agrees at 0.85, N=20, 300 users", agreeing(300, 20, 0.85), _NO_ALARM, sibling=False),
    Case(
        24,
        "listwise: names all, leaves the irrelevant in listed order",
        lambda seed: Asked(cross_encoder(first_stage_tasks(400, 20, seed, error=1.0), _relevant_first)),
        silent(),
        sibling=False,
    ),
    Case(
        24,
        "positions 15 to 19 carry the first-stage scores for all of 400 users",
        _tail_of_first_stage(400, 20, 15),
        _FALLBACK,
        sibling=False,
        fast=True,
    ),
    Case(
        24,
        "positions 26 to 29 can never be named",
        _never_named(400, 30, 26),
        fault("silent-fallback", "letters-exhausted"),
        sibling=False,
    ),
    Case(24, "healthy: agrees at 0.9, N=10, 300 users", agreeing(300, 10, 0.9), _NO_ALARM),
    Case(
        24,
        "healthy: agrees at 0.75, N=50, 200 users, first-stage scores given",
        agreeing(200, 50, 0.75, shown=True),
        _NO_ALARM,
    ),
    Case(
        24,
        "positions 30 to 49 carry the first-stage scores, N=50, 150 users",
        _tail_of_first_stage(150, 50, 30),
        _FALLBACK,
    ),
    Case(
        24,
        "the last two of 10 are never named, 500 users",
        _never_named(500, 10, 8),
        fault("silent-fallback", "letters-exhausted"),
    ),
    Case(24, "healthy: top_n=20 of 30, declared as scored", _declared_top, silent()),
)
