"""Tasks that are drawn anew at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters_with, tasks

from rerank_guard.core.types import RankingTask
from rerank_guard.faults.healthy.world import world_tasks

Changed = Callable[[Sequence[RankingTask], int], Sequence[RankingTask]]


def _pairs(n_users: int, n: int, change: Changed) -> Callable[[int], Asked]:
    """`tasks()` whose answer depends on how often it was asked."""

    def build(seed: int) -> Asked:
        calls = iter(range(1000))
        made = tasks(n_users, n, seed)
        return Asked(cross_encoder(made, tasks=lambda: change(made, next(calls))))

    return build


def _redrawn(seed: int) -> Asked:
    calls = iter(range(1000))
    return Asked(letters_with(seed, tasks=lambda: world_tasks(200, 20, 5000 + next(calls), "test")))


def _other_negatives(made: Sequence[RankingTask], call: int) -> list[RankingTask]:
    return [
        replace(
            task,
            candidates=tuple(
                other.candidates[i] if i != task.target_index else item for i, item in enumerate(task.candidates)
            ),
        )
        for task, other in zip(made, tasks(len(made), made[0].n_candidates, 300 + call), strict=True)
    ]


def _reshuffled(made: Sequence[RankingTask], call: int) -> list[RankingTask]:
    rng = np.random.default_rng(call)
    shuffled = []
    for task in made:
        order = rng.permutation(task.n_candidates).tolist()
        listed = tuple(task.candidates[index] for index in order)
        shuffled.append(replace(task, candidates=listed, target_index=order.index(task.target_index)))
    return shuffled


def _other_users(made: Sequence[RankingTask], call: int) -> list[RankingTask]:
    keep = np.random.default_rng(call).permutation(len(made))[: len(made) * 3 // 4]
    return [made[index] for index in sorted(keep.tolist())]


def _copies(made: Sequence[RankingTask], call: int) -> list[RankingTask]:
    return [replace(task) for task in made]


CASES = (
    Case(
        5,
        "letters: negatives drawn anew at each call",
        _redrawn,
        fault("tasks-redrawn", "nondeterministic"),
        sibling=False,
        fast=True,
    ),
    Case(
        5,
        "cross-encoder, N=10: other negatives at each call",
        _pairs(300, 10, _other_negatives),
        fault("tasks-redrawn", "nondeterministic"),
        fast=True,
    ),
    Case(
        5,
        "candidates in another order at each call, N=50",
        _pairs(100, 50, _reshuffled),
        fault("tasks-redrawn", "nondeterministic"),
    ),
    Case(
        5,
        "other three quarters of the users at each call",
        _pairs(400, 20, _other_users),
        fault("tasks-redrawn", "nondeterministic"),
    ),
    Case(5, "healthy: other objects of the same content", _pairs(300, 20, _copies), silent()),
)
