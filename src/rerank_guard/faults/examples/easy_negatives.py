"""Training lists with the same negatives for everybody."""

from __future__ import annotations

from rerank_guard.core.faults.data import EASY_NEGATIVES
from rerank_guard.core.target import KnowsTrainingTasks
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.catalogue import injector
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_SAME = "D16a"


def _same_in_training(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, KnowsTrainingTasks)
    shown = Wrapped(healthy, tasks=healthy.training_tasks)
    tasks = injector(_SAME).broken(shown).tasks()
    return workbench.judged("training_negatives_not_easy", Wrapped(healthy, training_tasks=lambda: tasks))


SAME_IN_TRAINING = Example(
    EASY_NEGATIVES,
    "training_negatives_not_easy",
    "every training list has the negatives of the first one",
    _same_in_training,
)
