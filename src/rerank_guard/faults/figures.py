"""A target's own figures, taken again from other scores or other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.checks._metric_names import metric_of_name
from rerank_guard.metrics import Metric, target_standing
from rerank_guard.target import ReportsMetrics, RerankTarget
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["figure", "named_metrics", "recomputed_figures", "slots_of"]


def named_metrics(target: ReportsMetrics) -> dict[str, Metric]:
    """Of the figures that the target reports, those whose name is understood."""
    found = {name: metric_of_name(name) for name in target.reported_metrics()}
    return {name: metric for name, metric in found.items() if metric is not None}


def slots_of(tasks: Sequence[RankingTask]) -> list[int | None]:
    """Where each target really stands; None where it is not listed."""
    return [
        task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else None for task in tasks
    ]


def figure(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """The metric's mean over all tasks; a missing target counts 0."""
    rows = [np.asarray(row, dtype=np.float64) for row in scores]
    return float(target_standing(rows, slots_of(tasks)).values(metric).mean())


def recomputed_figures(target: RerankTarget) -> Mapping[str, float]:
    """What the target's own evaluation would report, were it run on its present scores and tasks.

    A wrapper that changes scores or tasks hands this out: an evaluation reads the faulty scores like everybody else, and
    has no fault of its own. Figures with a name that is not understood are left out.
    """
    if not isinstance(target, ReportsMetrics):
        return {}
    wanted = named_metrics(target)
    tasks = target.tasks()
    scores = target.score(tasks) if wanted else []
    return {name: figure(metric, scores, tasks) for name, metric in wanted.items()}
