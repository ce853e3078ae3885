"""A reranker's own figures, computed again from other scores or other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.checks.quality._metric_names import metric_of_name
from rerank_guard.core.target import ReportsMetrics, RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.metrics import Metric, target_standing

__all__ = ["figure", "named_metrics", "recomputed_figures", "target_position", "target_positions"]


def named_metrics(target: ReportsMetrics) -> dict[str, Metric]:
    """Of the figures that the reranker reports, those whose name is understood."""
    found = {name: metric_of_name(name) for name in target.reported_metrics()}
    return {name: metric for name, metric in found.items() if metric is not None}


def target_position(task: RankingTask) -> int | None:
    """Where the target item is listed, whatever `target_index` says; None where it is not listed."""
    return task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else None


def target_positions(tasks: Sequence[RankingTask]) -> list[int | None]:
    """`target_position` of each task."""
    return [target_position(task) for task in tasks]


def figure(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """The metric's mean over all tasks; a task whose target item is not listed counts 0."""
    rows = [np.asarray(row, dtype=np.float64) for row in scores]
    return float(target_standing(rows, target_positions(tasks)).values(metric).mean())


def recomputed_figures(target: RerankTarget) -> Mapping[str, float]:
    """What the reranker's own evaluation would report for its present scores and tasks.

    A wrapper that changes scores or tasks reports this: the evaluation reads the faulty scores and has no fault of its own.
    Figures with a name that is not understood are left out.
    """
    if not isinstance(target, ReportsMetrics):
        return {}
    wanted = named_metrics(target)
    tasks = target.tasks()
    scores = target.score(tasks) if wanted else []
    return {name: figure(metric, scores, tasks) for name, metric in wanted.items()}
