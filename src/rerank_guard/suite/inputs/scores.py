"""Inputs that the trained reranker gives for all held-out tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rerank_guard.core.conditions import RunConditions
from rerank_guard.core.given import Cost, gives
from rerank_guard.core.target import Fingerprints, KnowsOracle, PredictsProba, ReportsMetrics, RerankTarget
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.recording.throughput import measure_throughput
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.describe import device_of
from rerank_guard.suite.rows import as_float_rows

__all__: list[str] = []

SECONDS_OF_TIMING = 15.0
"""About how long scoring is timed, where a reference run asks for it."""


@gives()
def scored_tasks(given_tasks: Sequence[RankingTask], tasks: TaskTable) -> Sequence[RankingTask]:  # noqa: ARG001
    """The held-out tasks as the reranker is given them; a table of them has been made, whatever it does to them."""
    return given_tasks


@gives(needs=RerankTarget, cost=Cost.SCORING)
def raw_scores(asking: Asking, scored_tasks: Sequence[RankingTask]) -> object:
    """What score() gave for all tasks."""
    __tracebackhide__ = True
    return asking.ask(asking.reranker.score, scored_tasks, "scoring")


@gives()
def tasks_after_scoring(given_tasks: Sequence[RankingTask], raw_scores: object) -> TaskTable:  # noqa: ARG001
    """The held-out tasks as they are once all have been scored."""
    return TaskTable.of(given_tasks)


@gives()
def scores(raw_scores: object) -> list[FloatArray]:
    """One float64 array (N,) a task."""
    return as_float_rows(raw_scores, "scores", "score()")


@gives(needs=PredictsProba, cost=Cost.SCORING)
def raw_probabilities(asking: Asking, scored_tasks: Sequence[RankingTask]) -> object:
    """What predict_proba() gave for all tasks."""
    __tracebackhide__ = True
    return asking.ask(asking.capable(PredictsProba).predict_proba, scored_tasks, "probabilities")


@gives()
def probabilities(raw_probabilities: object) -> list[FloatArray]:
    """One float64 array (N,) a task."""
    return as_float_rows(raw_probabilities, "probabilities", "predict_proba()")


@gives(needs=KnowsOracle)
def raw_oracle_probabilities(asking: Asking, given_tasks: Sequence[RankingTask]) -> object:
    """What oracle_proba() gave for all tasks."""
    __tracebackhide__ = True
    return asking.capable(KnowsOracle).oracle_proba(given_tasks)


@gives()
def oracle_probabilities(raw_oracle_probabilities: object) -> list[FloatArray]:
    """The exact posterior of the target over the positions, one float64 array (N,) a task."""
    return as_float_rows(raw_oracle_probabilities, "oracle probabilities", "oracle_proba()")


@gives(needs=ReportsMetrics, cost=Cost.SCORING)
def reported_metrics(asking: Asking, raw_scores: object) -> Mapping[str, float]:  # noqa: ARG001
    """The figures that the reranker reports of itself, after it has scored all tasks: they may be of its last scoring."""
    return asking.capable(ReportsMetrics).reported_metrics()


@gives(needs=Fingerprints, cost=Cost.SCORING)
def conditions(asking: Asking) -> RunConditions:
    """What has to be equal before two runs are compared."""
    given = asking.typed(asking.capable(Fingerprints).conditions(), RunConditions, "conditions()")
    # a model trained until its checks passed is another one than that of the whole job
    return replace(given, config={**given.config, "early_stop": asking.settings.early_stop})


@gives(needs=RerankTarget, cost=Cost.SCORING)
def measured_throughput(asking: Asking, probed_tasks: Sequence[RankingTask]) -> Throughput:
    """How fast the same few tasks are scored over and over."""
    return measure_throughput(
        lambda: asking.ask_unseen(asking.reranker.score, probed_tasks),
        len(probed_tasks),
        device=device_of(asking),
        budget=SECONDS_OF_TIMING,
    )
