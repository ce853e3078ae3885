"""The healthy embedded reranker, trained once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rerank_guard.core.report import Report
from rerank_guard.core.types import TrainingTrace
from rerank_guard.faults import TrainedOnce
from rerank_guard.suite import RunSettings, check_reranker


@dataclass
class Trained:
    """The reranker, what was recorded of its job, and its report."""

    target: TrainedOnce
    trace: TrainingTrace
    report: Report


@pytest.fixture(scope="session")
def embedded() -> Trained:
    import torch  # not at the top: most tests of this folder need numpy only

    from rerank_model.targets.embedded import make_target

    torch.set_num_threads(min(2, torch.get_num_threads()))
    target = TrainedOnce(make_target(seed=0, device="cpu"))
    report = check_reranker(target, RunSettings(seed=0))
    return Trained(target, target.train(lambda *_: None), report)
