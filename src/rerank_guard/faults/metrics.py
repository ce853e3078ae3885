"""Faults of the reported evaluation: a cutoff that cannot fail, users that are dropped, a figure that is wrong."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rerank_guard.checks.quality._metric_names import cutoff_of, with_cutoff
from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.faults.data import TARGET_NOT_LISTED
from rerank_guard.core.faults.quality import METRIC_TAMPERED, METRIC_WRONG, VACUOUS_METRIC
from rerank_guard.core.target import ReportsMetrics, RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.candidates import D12B
from rerank_guard.faults.figures import figure, named_metrics, target_positions
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.metrics import Metric, target_standing

__all__ = []

Evaluate = Callable[[Metric, Sequence[FloatArray], Sequence[RankingTask]], float]


def _cutoff_at_n(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Recall@N is 1 for all scores."""
    return Wrapped(target, cutoffs=(max(task.n_candidates for task in target.tasks()),))


def _reported_at_n(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, ReportsMetrics)
    own: Callable[[], Mapping[str, float]] = target.reported_metrics
    n = max(task.n_candidates for task in target.tasks())
    return Wrapped(target, reported_metrics=lambda: {**own(), f"Recall@{n}": 1.0})


def _evaluated(evaluate: Evaluate, *, some_missing: bool = False) -> Inject:
    """The reranker's own evaluation done in another way.

    Args:
        evaluate: what it reports of a metric.
        some_missing: whether some lists lose their target item first.
    """

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, ReportsMetrics)
        if some_missing:
            target = D12B.inject(target, severity, rng)
        broken, reports = target, target
        assert isinstance(reports, ReportsMetrics)

        def reported_metrics() -> dict[str, float]:
            wanted = named_metrics(reports)
            if not wanted:
                raise NotOfferedError("none of the figures that it reports has a name that is understood")
            tasks = broken.tasks()
            scores = [np.asarray(row, dtype=np.float64) for row in broken.score(tasks)]
            return {name: evaluate(metric, scores, tasks) for name, metric in wanted.items()}

        return Wrapped(broken, reported_metrics=reported_metrics)

    return inject


def _dropped(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """Over the users alone whose target item is listed."""
    kept = [user for user, position in enumerate(target_positions(tasks)) if position is not None]
    return figure(metric, [scores[user] for user in kept], [tasks[user] for user in kept])


def _inserted(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """A missing target item is put at rank K; without a cutoff, at the end of the list."""
    positions = target_positions(tasks)
    missing = [task.n_candidates for task, position in zip(tasks, positions, strict=True) if position is None]
    ranks = [min(cutoff_of(metric) or n, n) for n in missing]
    listed = figure(metric, scores, tasks)
    given = sum(_at_rank(metric, rank, n) for rank, n in zip(ranks, missing, strict=True))
    return listed + given / len(tasks)


def _at_rank(metric: Metric, rank: int, n: int) -> float:
    """What the metric gives a user whose target item has this rank."""
    return float(target_standing([-np.arange(n, dtype=np.float64)], [rank - 1]).values(metric)[0])


def _one_too_far(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """K counted from 0; without a cutoff, a tenth too much."""
    k = cutoff_of(metric)
    if k is None:
        return figure(metric, scores, tasks) * 1.1
    return figure(with_cutoff(metric, k + 1), scores, tasks)


def _of_another_run(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """The figure of a better run."""
    return figure(metric, scores, tasks) + 0.05


_REPORTS = (ReportsMetrics,)
_MISSING = (TARGET_NOT_LISTED,)
"""Lists without their target item are a fault of their own, seen before anything is scored."""

M1A = Injector("M1a", VACUOUS_METRIC, "the cutoff is as large as the list", _cutoff_at_n)
M1B = Injector("M1b", VACUOUS_METRIC, "Recall@N is among the figures reported", _reported_at_n, needs=_REPORTS)
M2A = Injector(
    "M2a",
    METRIC_TAMPERED,
    "a target item that was not retrieved is put at rank K",
    _evaluated(_inserted, some_missing=True),
    also=_MISSING,
    needs=_REPORTS,
    severity=0.2,
)
M2B = Injector(
    "M2b",
    METRIC_TAMPERED,
    "users whose target item was not retrieved are left out of the mean",
    _evaluated(_dropped, some_missing=True),
    also=_MISSING,
    needs=_REPORTS,
    severity=0.2,
)
M3A = Injector(
    "M3a", METRIC_WRONG, "the reported figures count ranks from 0", _evaluated(_one_too_far), needs=_REPORTS
)
M3B = Injector(
    "M3b",
    METRIC_WRONG,
    "the reported figures are of another run",
    _evaluated(_of_another_run),
    needs=_REPORTS,
)
