"""Figures above what is possible: more hits than the known truth allows, and a hit rate reported as a recall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.quality import ABOVE_CEILING, METRIC_WRONG
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.catalogue import injector
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_CEILING = "recall_within_ceiling"
_OF_TARGETS = "recall_ceiling_of_targets"
_TOLD_IN_PROMPT = "D8"
_K = 5
_RELEVANT = 8
"""Relevant items a task, more than K."""


def _told(workbench: Workbench) -> Verdict:
    return workbench.judged(_CEILING, workbench.broken(injector(_TOLD_IN_PROMPT)))


def _several_relevant(task: RankingTask) -> RankingTask:
    """The task with its target item and the first other candidates as relevant items."""
    others = [item_id for item_id in task.candidate_ids if item_id != task.target_id][: _RELEVANT - 1]
    return replace(task, relevance=dict.fromkeys((task.target_id, *others), 1.0))


def _reported(workbench: Workbench, *, as_hit_rate: bool) -> Verdict:
    """The check on tasks with eight relevant items, with the recall of the scores, or their hit rate, as Recall@5."""
    healthy = workbench.healthy
    tasks = [_several_relevant(task) for task in healthy.tasks()]

    def reported_metrics() -> dict[str, float]:
        found = [_found(task, row) for task, row in zip(tasks, healthy.score(tasks), strict=True)]
        mean = np.mean([min(count, 1) if as_hit_rate else count / _RELEVANT for count in found])
        return {f"Recall@{_K}": float(mean)}

    return workbench.judged(_OF_TARGETS, Wrapped(healthy, tasks=lambda: tasks, reported_metrics=reported_metrics))


def _found(task: RankingTask, row: FloatArray) -> int:
    """How many relevant items are in the top K."""
    top = np.argsort(-np.asarray(row), kind="stable")[:_K].tolist()
    return sum(task.grades.get(task.candidate_ids[position], 0.0) > 0.0 for position in top)


def _hit_rate(workbench: Workbench) -> Verdict:
    return _reported(workbench, as_hit_rate=True)


def _recall(workbench: Workbench) -> Verdict:
    return _reported(workbench, as_hit_rate=False)


TOLD_IN_PROMPT = Example(
    ABOVE_CEILING,
    _CEILING,
    f"{injector(_TOLD_IN_PROMPT).what}, so that more users are hit than the known truth allows",
    _told,
)
HIT_RATE_AS_RECALL = Example(
    METRIC_WRONG,
    _OF_TARGETS,
    "tasks with eight relevant items; the share of tasks with any of them in the top 5 is reported as Recall@5",
    _hit_rate,
    _recall,
    "the same tasks, with the share of the relevant items that are in the top 5 as Recall@5",
)
