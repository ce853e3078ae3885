"""What a check needs of a reranker and of the run, in words."""

from __future__ import annotations

from rerank_guard.core.given import Cost, method_of
from rerank_guard.suite.input_records import missing_capabilities, needed_from_run
from rerank_guard.suite.planned import Planned

__all__ = ["COSTS", "methods_needed", "needs_reference_run"]

COSTS = {
    Cost.STATIC: "before training",
    Cost.ONE_BATCH: "smoke training on one batch",
    Cost.TRAINING: "after training",
    Cost.SCORING: "after training and scoring",
}
"""When a check runs."""


def methods_needed(planned: Planned) -> tuple[str, ...]:
    """The methods that a check needs, such as "training_tasks()"; tasks() or score(tasks) where it needs no more."""
    methods = tuple(method_of(capability) for capability in missing_capabilities(planned.required, _Minimal()))
    if methods or needs_reference_run(planned):
        return methods
    return ("score(tasks)",) if planned.cost is Cost.SCORING else ("tasks()",)


def needs_reference_run(planned: Planned) -> bool:
    """Whether the run has to be given a reference run."""
    return bool(needed_from_run(planned.required))


class _Minimal:
    """What every reranker has; what else a check needs is named."""

    name = "minimal"

    def tasks(self) -> None:
        """Held-out tasks."""

    def score(self, tasks: object) -> None:
        """Scores."""
