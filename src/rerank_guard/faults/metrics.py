"""Faults of the evaluation that people read: a cutoff that cannot fail, users that vanish, a figure that is not so."""

# ruff: noqa: ARG001  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rerank_guard.checks._metric_names import cutoff_of, with_cutoff
from rerank_guard.errors import NotOfferedError
from rerank_guard.faults.data import DATA_FAULTS
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.figures import figure, named_metrics, slots_of
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.metrics import Metric, target_standing
from rerank_guard.target import ReportsMetrics, RerankTarget
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["METRIC_FAULTS"]

Evaluate = Callable[[Metric, Sequence[FloatArray], Sequence[RankingTask]], float]


def _cutoff_at_n(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Recall@N is 1 whatever the scores are."""
    return Wrapped(target, cutoffs=(min(task.n_candidates for task in target.tasks()),))


def _reported_at_n(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, ReportsMetrics)
    own: Callable[[], Mapping[str, float]] = target.reported_metrics
    n = max(task.n_candidates for task in target.tasks())
    return Wrapped(target, reported_metrics=lambda: {**own(), f"Recall@{n}": 1.0})


def _evaluated(evaluate: Evaluate, *, some_missing: bool = False) -> Inject:
    """The target's own evaluation done in another way, on lists that have lost some targets if need be."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, ReportsMetrics)
        if some_missing:
            target = _LIST_CUT.inject(target, severity, rng)
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
    """Over users whose target is listed, alone."""
    kept = [user for user, slot in enumerate(slots_of(tasks)) if slot is not None]
    return figure(metric, [scores[user] for user in kept], [tasks[user] for user in kept])


def _inserted(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """A missing target is put at rank K; without a cutoff, at the end of the list."""
    missing = [task.n_candidates for task, slot in zip(tasks, slots_of(tasks), strict=True) if slot is None]
    ranks = [min(cutoff_of(metric) or n, n) for n in missing]
    listed = figure(metric, scores, tasks)
    given = sum(_at_rank(metric, rank, n) for rank, n in zip(ranks, missing, strict=True))
    return listed + given / len(tasks)


def _at_rank(metric: Metric, rank: int, n: int) -> float:
    """What the metric gives a user whose target has this rank."""
    return float(target_standing([-np.arange(n, dtype=np.float64)], [rank - 1]).values(metric)[0])


def _one_too_far(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """K counted from 0; without a cutoff, a tenth too much."""
    k = cutoff_of(metric)
    if k is None:
        return figure(metric, scores, tasks) * 1.1
    return figure(with_cutoff(metric, k + 1), scores, tasks)


def _of_another_run(metric: Metric, scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> float:
    """Taken from a better run than the one at hand."""
    return figure(metric, scores, tasks) + 0.05


def _fault(zoo_id: str, name: str, what: str, inject: Inject, **more: object) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.METRIC, inject, **more)  # type: ignore[arg-type]


_LIST_CUT = next(fault for fault in DATA_FAULTS if fault.zoo_id == "D12b")
_REPORTS = (ReportsMetrics,)
_MISSING = frozenset({"gt-missing"})
"""Lists without their target are a fault of their own, seen before anything is scored."""

METRIC_FAULTS = (
    _fault("M1a", "vacuous-metric", "the cutoff is as large as the list", _cutoff_at_n),
    _fault("M1b", "vacuous-metric", "Recall@N is among the figures reported", _reported_at_n, needs=_REPORTS),
    _fault(
        "M2a",
        "metric-tampered",
        "a target that was not retrieved is put at rank K",
        _evaluated(_inserted, some_missing=True),
        also=_MISSING,
        needs=_REPORTS,
        severity=0.2,
    ),
    _fault(
        "M2b",
        "metric-tampered",
        "users whose target was not retrieved are left out of the mean",
        _evaluated(_dropped, some_missing=True),
        also=_MISSING,
        needs=_REPORTS,
        severity=0.2,
    ),
    _fault(
        "M3a", "metric-wrong", "the reported figures count ranks from 0", _evaluated(_one_too_far), needs=_REPORTS
    ),
    _fault(
        "M3b",
        "metric-wrong",
        "the reported figures are of another run",
        _evaluated(_of_another_run),
        needs=_REPORTS,
    ),
)
