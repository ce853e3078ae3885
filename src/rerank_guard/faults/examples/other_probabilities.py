"""Probabilities that are not those of the scores, and probabilities that promise too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.core.faults.scoring import OVER_CONFIDENT, PROBABILITIES_DIFFER
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.digest import digest
from rerank_guard.faults.example import Example
from rerank_guard.faults.rescored import softmax
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_SHARPER = 20.0
_NOISE = 4.0


def _with_probabilities(
    workbench: Workbench, check: str, change: Callable[[RankingTask, FloatArray], FloatArray]
) -> Verdict:
    """The check on the healthy reranker with the softmax of changed logits as its probabilities."""
    healthy = workbench.healthy

    def predict_proba(tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return [softmax(change(task, row)) for task, row in zip(tasks, healthy.score(tasks), strict=True)]

    return workbench.judged(check, Wrapped(healthy, predict_proba=predict_proba))


def _too_sure(workbench: Workbench) -> Verdict:
    return _with_probabilities(workbench, "calibrated", lambda _, row: _SHARPER * row)


def _of_other_logits(workbench: Workbench) -> Verdict:
    def change(task: RankingTask, row: FloatArray) -> FloatArray:
        return row + _NOISE * np.array([digest(f"{task.query_id} {item_id}") for item_id in task.candidate_ids])

    return _with_probabilities(workbench, "probabilities_agree", change)


TOO_SURE = Example(
    OVER_CONFIDENT,
    "calibrated",
    "the logits are multiplied by 20 before the softmax, as with a temperature of 0.05",
    _too_sure,
)
OTHER_LOGITS = Example(
    PROBABILITIES_DIFFER,
    "probabilities_agree",
    "the probabilities are made of other logits than the scores",
    _of_other_logits,
)
