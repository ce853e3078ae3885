"""The embedded base and a few tasks, loaded once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rerank_guard.core.types import RankingTask
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(embedded_base())


@pytest.fixture
def encoder(tokenizer: PreTrainedTokenizerBase) -> PromptEncoder:
    return PromptEncoder(tokenizer, PromptConfig())


@pytest.fixture(scope="session")
def base_reranker() -> Reranker:
    """The untouched base; tests that train load their own."""
    return Reranker.from_pretrained(embedded_base(), device="cpu")


@pytest.fixture(scope="session")
def few_tasks() -> list[RankingTask]:
    return world_tasks(SplitTasteRule(), 24, 12, np.random.default_rng(11))[0]
