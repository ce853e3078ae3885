"""Faults of the scoring code that change each task's scores by themselves: ties, order, letters that are not found."""

# ruff: noqa: ARG001  (the functions take a severity, whether they have degrees or not)

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.core.faults.scoring import REVERSED, SILENT_FALLBACK, TIES_DECIDE
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.digest import digest
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.rescored import rescored

__all__ = []

_STEPS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_OneRow = Callable[[FloatArray, float], FloatArray]
"""From a task's (N,) logits and the severity to the faulty logits."""


def _each_row(change: _OneRow) -> Inject:
    """The same change to every task's logits."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        return rescored(target, lambda _, rows: [change(row, severity) for row in rows])

    return inject


def _constant(row: FloatArray, severity: float) -> FloatArray:
    return np.full_like(row, row.mean())


def _zero(row: FloatArray, severity: float) -> FloatArray:
    return np.zeros_like(row)


def _coarse(row: FloatArray, severity: float) -> FloatArray:
    """Rounded to a step that is a share of the row's range."""
    step = severity * float(np.ptp(row))
    return row if step == 0.0 else np.round((row - row.min()) / step) * step


def _reversed(row: FloatArray, severity: float) -> FloatArray:
    return -row


def _in_order(row: FloatArray, severity: float) -> FloatArray:
    return -np.arange(len(row), dtype=np.float64)


def _top_then_in_order(row: FloatArray, severity: float) -> FloatArray:
    """The best few keep their logits; the others follow in the order in which they were listed."""
    kept = max(1, round(severity * len(row)))
    if kept >= len(row):
        return row
    below = np.sort(np.argsort(-row, kind="stable")[kept:])
    new = row.copy()
    new[below] = row.min() - 1.0 - 1e-3 * np.arange(len(below))
    return new


def _zero_for_some(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """All candidates of a user whose answer could not be read get 0."""
    seed = int(rng.integers(2**31))

    def hit(task: RankingTask) -> bool:
        return digest(f"{seed} {task.query_id}") < severity

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [np.zeros_like(row) if hit(task) else row for task, row in zip(tasks, rows, strict=True)]

    return rescored(target, change)


def _constant_for_some(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """All candidates of a few users get one value, each user a value of its own."""
    seed = int(rng.integers(2**31))

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [
            np.full_like(row, digest(task.query_id)) if digest(f"{seed} {task.query_id}") < severity else row
            for task, row in zip(tasks, rows, strict=True)
        ]

    return rescored(target, change)


def _one_letter_filled(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The logit of one letter is not a number, and a constant is filled in."""
    place = int(rng.integers(1, 6))

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [np.where(np.arange(len(row)) == place % len(row), 0.0, row) for row in rows]

    return rescored(target, change)


S11A = Injector(
    "S11a",
    SILENT_FALLBACK,
    "the logit of one letter is NaN, and 0 is filled in for it in every row",
    _one_letter_filled,
)
S11B = Injector(
    "S11b",
    SILENT_FALLBACK,
    "a few users get one constant for all candidates",
    _constant_for_some,
    also=(TIES_DECIDE,),
    severity=0.05,
    degrees=(0.02, 0.05, 0.1, 0.3),
)
T7A = Injector(
    "T7a",
    SILENT_FALLBACK,
    "no letter is found, and every candidate gets 0",
    _each_row(_zero),
    also=(TIES_DECIDE,),
)
T7B = Injector("T7b", SILENT_FALLBACK, "no letter is found, and the input order is kept", _each_row(_in_order))
T7C = Injector(
    "T7c",
    SILENT_FALLBACK,
    "letters outside of the best are appended in input order",
    _each_row(_top_then_in_order),
    severity=0.4,
)
T7D = Injector(
    "T7d",
    SILENT_FALLBACK,
    "for some users no letter is found, and every candidate gets 0",
    _zero_for_some,
    also=(TIES_DECIDE,),
    severity=0.3,
    degrees=(0.02, 0.05, 0.1, 0.3, 1.0),
)
S3A = Injector(
    "S3a",
    TIES_DECIDE,
    "all candidates of a user have one score",
    _each_row(_constant),
    also=(SILENT_FALLBACK,),
)
S3B = Injector(
    "S3b",
    TIES_DECIDE,
    "scores are rounded coarsely",
    _each_row(_coarse),
    severity=0.5,
    degrees=_STEPS,
    shows_in="tie_gap",
)
S4 = Injector("S4", REVERSED, "the least likely candidate is ranked first", _each_row(_reversed))
