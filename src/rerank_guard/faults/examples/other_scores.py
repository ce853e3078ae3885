"""Scores that are not the model's, and scores that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.faults.scoring import SCORES_NOT_FROM_MODEL
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.digest import digest
from rerank_guard.faults.example import Example
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _noisy(workbench: Workbench) -> Verdict:
    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [
            row + float(np.ptp(row)) * np.array([digest(f"{task.query_id} {i}") for i in task.candidate_ids])
            for task, row in zip(tasks, rows, strict=True)
        ]

    return workbench.judged("scores_match_forward_pass", rescored(workbench.healthy, change))


def _too_short(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy

    def score(tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return [np.asarray(row)[:-1] for row in healthy.score(tasks)]

    return workbench.judged("scores_well_formed", Wrapped(healthy, score=score))


NOISE_ADDED = Example(
    SCORES_NOT_FROM_MODEL,
    "scores_match_forward_pass",
    "the scoring code adds noise to the model's logits",
    _noisy,
)
ROWS_TOO_SHORT = Example(
    RESULT_MALFORMED,
    "scores_well_formed",
    "score() gives one value less than there are candidates",
    _too_short,
)
