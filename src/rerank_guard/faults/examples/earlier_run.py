"""A run beside its reference run: worse, slower, or made under other conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.checks.quality.no_slowdown import no_slowdown
from rerank_guard.core.faults.quality import INCOMPARABLE_RUNS, REGRESSION, SLOWER
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.digest import digest
from rerank_guard.faults.example import Example
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.stored import RunConditions

__all__ = []

_RANKING = "no_regression"
_REFERENCE = "the healthy reranker, compared with its own reference run"
_TIMINGS = 21
_SLOWER = 1.43
"""Times the seconds of the reference: throughput falls by 30 %."""


def _worse(workbench: Workbench) -> Verdict:
    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [
            row + 4.0 * float(np.ptp(row)) * np.array([digest(f"{task.query_id} {i}") for i in task.candidate_ids])
            for task, row in zip(tasks, rows, strict=True)
        ]

    return workbench.judged(_RANKING, rescored(workbench.healthy, change))


def _other_sampler(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    declared: RunConditions = healthy.conditions()  # type: ignore[attr-defined]
    changed = replace(declared, sampler="popular negatives")
    return workbench.judged(_RANKING, Wrapped(healthy, conditions=lambda: changed))


def _timed(factor: float) -> Throughput:
    """Timings of 64 users, some milliseconds apart, as a clock gives them; drawn, so that no machine's load counts."""
    scatter = 1.0 + 0.02 * np.random.default_rng(0).random(_TIMINGS)
    fixed = (0.01,) * _TIMINGS
    return Throughput(64, tuple((factor * 0.5 * scatter).tolist()), fixed, fixed, "cpu")


def _slower(workbench: Workbench) -> Verdict:  # noqa: ARG001  (the signature of `Example.failing`)
    return no_slowdown(_timed(_SLOWER), _timed(1.0))


def _as_fast(workbench: Workbench) -> Verdict:  # noqa: ARG001
    return no_slowdown(_timed(1.0), _timed(1.0))


NOISIER = Example(
    REGRESSION,
    _RANKING,
    "noise is added to the scores, and the run is compared with that of the healthy reranker",
    _worse,
    what_passing=_REFERENCE,
)
OTHER_SAMPLER = Example(
    INCOMPARABLE_RUNS,
    _RANKING,
    "the negatives are popular items, where those of the reference run were drawn uniformly",
    _other_sampler,
    what_passing=_REFERENCE,
)
SLOWER_BY_43_PERCENT = Example(
    SLOWER,
    "no_slowdown",
    "each of 21 timings is 1.43 times that of the reference run, with the fixed arithmetic as fast as it was",
    _slower,
    _as_fast,
    "timings as long as those of the reference run",
)
