"""The healthy embedded reranker, trained once for all tests of this folder."""

from __future__ import annotations

import pytest
import torch
from embedded_once import Trained, train_and_judge


@pytest.fixture(scope="session")
def embedded() -> Trained:
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return train_and_judge(seed=0)
