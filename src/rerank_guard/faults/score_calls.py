"""Faults that show when the same tasks are scored in another call: batches, repeats, the order of the rows."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.faults.scoring import BATCH_DEPENDENT, NONDETERMINISTIC, ROWS_MISALIGNED, SCORES_CACHED
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.rescored import rescored, spread_of

__all__ = []


def _batch_mixed(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Each row holds some of its neighbour's, as where padding shifts positions or packed prompts see each other."""

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        if len(rows) < 2:
            return rows
        return [
            (1.0 - severity) * row + severity * np.resize(rows[index - 1], len(row))
            for index, row in enumerate(rows)
        ]

    return rescored(target, change)


def _noisy(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Dropout is on: other logits at every call."""

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        scale = severity * spread_of(rows)
        return [row + rng.normal(scale=scale, size=len(row)) for row in rows]

    return rescored(target, change)


def _another_users_row(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The rows are returned in another order than the tasks were given in."""

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [np.resize(rows[index - 1], len(row)) for index, row in enumerate(rows)]

    return rescored(target, change)


def _kept_by_user(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """A user's first scores are kept, and returned for whatever is asked of the user next."""
    kept: dict[str, FloatArray] = {}

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [
            np.resize(kept.setdefault(task.query_id, row), len(row)) for task, row in zip(tasks, rows, strict=True)
        ]

    return rescored(target, change)


S1 = Injector(
    "S1",
    BATCH_DEPENDENT,
    "scored in a batch, a prompt reads its neighbour's positions",
    _batch_mixed,
    severity=0.5,
)
S6 = Injector("S6", NONDETERMINISTIC, "dropout is on while scoring", _noisy, severity=0.2)
S9 = Injector(
    "S9",
    ROWS_MISALIGNED,
    "each user gets the scores of the user before",
    _another_users_row,
    also=(BATCH_DEPENDENT,),
)
S10 = Injector(
    "S10",
    SCORES_CACHED,
    "scores are kept by query_id, whatever list is asked for next",
    _kept_by_user,
)
