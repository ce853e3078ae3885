"""A preference for positions: learned from uneven training data, or added to the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.target import KnowsTrainingTasks, Rebuilds
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.catalogue import injector
from rerank_guard.faults.example import Example
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.workbench import Workbench

__all__ = []

_FIRST_IN_TRAINING = "D5e"
_STEEPNESS = 12.0
"""Nats by which the first position is preferred to the last."""


def _positions_learned(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, Rebuilds)
    skewed = injector(_FIRST_IN_TRAINING).broken(healthy, severity=0.5)
    assert isinstance(skewed, KnowsTrainingTasks)
    tasks = skewed.training_tasks()
    change = TrainingChange(tasks=lambda _: tasks, prompt=lambda task: replace(task, history=()))
    return workbench.judged("loss_below_letter_prior", healthy.rebuilt(change))


def _early_preferred(workbench: Workbench) -> Verdict:
    preferring = rescored(
        workbench.healthy, lambda _, rows: [row - _STEEPNESS * np.linspace(0.0, 1.0, len(row)) for row in rows]
    )
    return workbench.judged("recall_uniform_by_position", preferring)


POSITIONS_LEARNED = Example(
    POSITION_PRIOR,
    "loss_below_letter_prior",
    "half of the target items trained on are listed first and the training prompts show no history, so the job learns the "
    "positions alone",
    _positions_learned,
)
EARLY_PREFERRED = Example(
    POSITION_PRIOR,
    "recall_uniform_by_position",
    "each score is lower the later its candidate is listed",
    _early_preferred,
)
