"""The sound twin, trained once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.types import TrainingTrace
from rerank_model.embedded import WorldTarget, make_target


@dataclass
class Trained:
    target: WorldTarget
    trace: TrainingTrace
    report: Report


class Recorded(WorldTarget):
    """A target that remembers its one training job."""

    trace: TrainingTrace | None = None

    def train(self, progress):
        if self.trace is None:
            self.trace = super().train(progress)
        return self.trace


@pytest.fixture(scope="session")
def sound() -> Trained:
    torch.set_num_threads(min(2, torch.get_num_threads()))
    target = make_target(seed=1, device="cpu")
    target.__class__ = Recorded
    report = check_reranker(target, seed=1)
    return Trained(target, target.trace, report)
