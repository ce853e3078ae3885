"""The healthy embedded reranker after its one training job."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.core.population import Population
from rerank_guard.core.report import Report
from rerank_guard.core.types import TrainingTrace
from rerank_guard.faults import TrainedOnce, Wrapped
from rerank_guard.suite import RunSettings, check_reranker
from rerank_model.targets.embedded import WorldTarget, make_target

__all__ = ["Trained", "train_and_judge"]


@dataclass(frozen=True)
class Trained:
    """The reranker, what was recorded of its job, and its report."""

    world: WorldTarget
    target: TrainedOnce
    trace: TrainingTrace
    report: Report

    def on_users(self, n: int) -> Wrapped:
        """The same model, judged on the first n held-out users: an exact fault needs no more, and scoring takes less."""
        return Wrapped(self.target, tasks=lambda: self.world.test_tasks[:n], population=lambda: Population(n))


def train_and_judge(seed: int) -> Trained:
    """Train once and judge with every check."""
    world = make_target(seed=seed, device="cpu")
    target = TrainedOnce(world)
    report = check_reranker(target, RunSettings(seed=seed))
    return Trained(world, target, target.train(lambda *_: None), report)
