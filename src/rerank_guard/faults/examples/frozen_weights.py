"""A job that moves weights of the base although only the adapter should be trained."""

from __future__ import annotations

from dataclasses import replace

from rerank_guard.core.faults.training import FROZEN_WEIGHTS_UPDATED
from rerank_guard.core.target import TracksParameters
from rerank_guard.core.training_plan import ParameterChange
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_CHECK = "only_trainable_weights_updated"


def _failing(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, TracksParameters)
    recorded = healthy.parameter_changes

    def parameter_changes() -> list[ParameterChange]:
        return [each if each.should_train else replace(each, change=0.01 * each.norm + 0.01) for each in recorded()]

    return workbench.judged(_CHECK, Wrapped(healthy, parameter_changes=parameter_changes))


BASE_MOVED = Example(
    FROZEN_WEIGHTS_UPDATED, _CHECK, "the job moved the weights of the frozen base by 1 % of their norm", _failing
)
