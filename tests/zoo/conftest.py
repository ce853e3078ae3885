"""The sound twin, trained once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from rerank_guard.faults import TrainedOnce
from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.types import TrainingTrace
from rerank_model.embedded import make_target


@dataclass
class Trained:
    target: TrainedOnce
    trace: TrainingTrace
    report: Report


@pytest.fixture(scope="session")
def sound() -> Trained:
    torch.set_num_threads(min(2, torch.get_num_threads()))
    target = TrainedOnce(make_target(seed=1, device="cpu"))
    report = check_reranker(target, seed=1)
    return Trained(target, target.train(lambda *_: None), report)
