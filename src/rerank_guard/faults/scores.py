"""Faults between a sound model and its ranking: order, ties, position, batch, checkpoint."""

# ruff: noqa: ARG001, ARG005  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from rerank_guard.counterfactual import has_histories_to_swap
from rerank_guard.errors import NotOfferedError
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.modelled import modelled
from rerank_guard.faults.rescored import SCORING_METHODS, as_logits, rescored, spread_of
from rerank_guard.faults.wrapped import Wrapped, ask, only_had
from rerank_guard.target import (
    Progress,
    Rebuilds,
    RerankTarget,
    ScoresMadeUpTasks,
    Trains,
)
from rerank_guard.training_change import TrainingChange
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["SCORE_FAULTS"]

_STEPS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_ROW_BY_ROW = Callable[[FloatArray, float], FloatArray]


def _each_row(change: _ROW_BY_ROW) -> Inject:
    """The same change to every row of logits."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        return rescored(target, lambda tasks, rows: [change(row, severity) for row in rows])

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


def _uniform_for_some(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Whole users whose answer could not be read fall back to 0 for every candidate."""
    seed = int(rng.integers(2**31))

    def hit(task: RankingTask) -> bool:
        return _digest(f"{seed} {task.query_id}") < severity

    return rescored(
        target,
        lambda tasks, rows: [
            np.zeros_like(row) if hit(task) else row for task, row in zip(tasks, rows, strict=True)
        ],
    )


def _letter_prior(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The model answers every prompt with the same logits, by slot."""
    prior = rng.normal(size=max(task.n_candidates for task in target.tasks()))

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        return [np.resize(prior, task.n_candidates) for task in tasks]

    return modelled(target, score)


def _batch_mixed(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Each row takes on some of its neighbour's, as where padding shifts positions or packed prompts see each other."""

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        if len(rows) < 2:
            return rows
        return [
            (1.0 - severity) * row + severity * np.resize(rows[index - 1], len(row))
            for index, row in enumerate(rows)
        ]

    return rescored(target, change)


def _noisy(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Dropout that is left on: other logits at every call."""

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        scale = severity * spread_of(rows)
        return [row + rng.normal(scale=scale, size=len(row)) for row in rows]

    return rescored(target, change)


def _another_users_row(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Rows that came back in another order than the tasks were given in."""
    return rescored(
        target, lambda tasks, rows: [np.resize(rows[index - 1], len(row)) for index, row in enumerate(rows)]
    )


def _untrained(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The job runs and is recorded; what is loaded and scored is the model as it was before."""
    assert isinstance(target, Rebuilds)
    stale = target.rebuilt(TrainingChange())
    names = (*SCORING_METHODS, "predict_proba", "next_token_logits", "reported_metrics")
    return Wrapped(target, **{name: getattr(stale, name) for name in names if hasattr(stale, name)})


def _require_histories(target: RerankTarget) -> None:
    if not has_histories_to_swap(target.tasks()):
        raise NotOfferedError("its tasks all have the same history, so there is none to ignore")


def _history_blind(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Whatever user is asked for, the ranking is that of one and the same history."""
    _require_histories(target)
    assert isinstance(target, ScoresMadeUpTasks)
    whose = next(task for task in target.tasks() if task.history)

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        alike = [
            replace(
                task,
                query_id=f"{task.query_id} with the history of {whose.query_id}",
                history=tuple(item for item in whose.history if item.item_id not in task.candidate_ids),
            )
            for task in tasks
        ]
        return [as_logits(np.asarray(row, dtype=np.float64)) for row in ask(target.score_made_up, alike, progress)]

    return modelled(target, score)


def _popularity_in_disguise(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The model ranks items by how often they are taken; nobody's history changes it."""
    _require_histories(target)
    counts = Counter(task.target_id for task in target.tasks())

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        return [
            np.array([np.log1p(counts[item_id]) + 1e-3 * _digest(item_id) for item_id in task.candidate_ids])
            for task in tasks
        ]

    return Wrapped(modelled(target, score), **only_had(target, {"oracle_proba": _another_truth}))


def _another_truth(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    raise NotOfferedError("the targets are those that are popular now; the world's truth is no longer theirs")


def _digest(text: str) -> float:
    """A number in [0, 1) of its own for each text, so that equal counts are not ties."""
    return crc32(text.encode()) / 2**32


def _fault(zoo_id: str, name: str, what: str, inject: Inject, **more: object) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.SCORING, inject, **more)  # type: ignore[arg-type]


SCORE_FAULTS = (
    _fault(
        "T7a",
        "silent-fallback",
        "no letter is found, and every candidate gets 0",
        _each_row(_zero),
        also=frozenset({"ties-decide"}),
    ),
    _fault("T7b", "silent-fallback", "no letter is found, and the input order stands", _each_row(_in_order)),
    _fault(
        "T7c",
        "silent-fallback",
        "letters outside of the best are appended in input order",
        _each_row(_top_then_in_order),
        severity=0.4,
    ),
    _fault(
        "T7d",
        "silent-fallback",
        "for some users no letter is found, and every candidate gets 0",
        _uniform_for_some,
        also=frozenset({"ties-decide"}),
        severity=0.3,
        degrees=(0.02, 0.05, 0.1, 0.3, 1.0),
    ),
    _fault(
        "S1",
        "batch-dependent",
        "scored in a batch, a prompt reads its neighbour's positions",
        _batch_mixed,
        severity=0.5,
    ),
    _fault(
        "S3a",
        "ties-decide",
        "all candidates of a user have one score",
        _each_row(_constant),
        also=frozenset({"silent-fallback"}),
    ),
    _fault("S3b", "ties-decide", "scores are rounded coarsely", _each_row(_coarse), severity=0.5, degrees=_STEPS),
    _fault("S4", "reversed", "the least likely candidate is ranked first", _each_row(_reversed)),
    _fault("S5", "position-prior", "every prompt gets the same scores by slot", _letter_prior),
    _fault("S6", "nondeterministic", "dropout is on while scoring", _noisy, severity=0.2),
    _fault(
        "S7",
        "stale-checkpoint",
        "the checkpoint from before the training is scored",
        _untrained,
        also=frozenset({"adapter-inactive"}),
        needs=(Trains, Rebuilds),
    ),
    _fault(
        "S8a",
        "history-ignored",
        "every user is ranked by one and the same history",
        _history_blind,
        needs=(ScoresMadeUpTasks,),
    ),
    _fault(
        "S8b",
        "history-ignored",
        "the ranking is a popularity prior in disguise",
        _popularity_in_disguise,
        also=frozenset({"baseline-not-beaten"}),
        needs=(ScoresMadeUpTasks,),
    ),
    _fault(
        "S9",
        "rows-misaligned",
        "each user gets the scores of the user before",
        _another_users_row,
        also=frozenset({"batch-dependent"}),
    ),
)
"""Those that need nothing but scores; `prompts.py` has what reads other logits."""
