"""How scoring is set: how many tokens at once, in which precision; and the warning when it is the slower path."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from rerank_model.backends import precision
from rerank_model.errors import BackendError, ConfigError
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.settings import TrainingSettings


def test_impossible_budgets_and_precisions_are_refused():
    with pytest.raises(ConfigError, match="tokens_per_batch is 0"):
        Reranker.from_pretrained(embedded_base(), device="cpu", tokens_per_batch=0)
    with pytest.raises(BackendError, match=r"scoring_dtype is torch.float16"):
        Reranker.from_pretrained(embedded_base(), device="cpu", scoring_dtype=torch.float16)


def test_bfloat16_is_refused_where_it_is_only_emulated(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(BackendError, match="only emulates"):
        Reranker.from_pretrained(embedded_base(), device="cpu", scoring_dtype=torch.bfloat16)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision.has_native_bfloat16(torch.device("cpu"))


def test_bfloat16_ranks_nearly_alike(base_reranker, few_tasks):
    if not precision.has_native_bfloat16(torch.device("cpu")):
        pytest.skip("needs bfloat16 in the processor")
    half = Reranker.from_pretrained(embedded_base(), device="cpu", scoring_dtype=torch.bfloat16)
    exact, near = base_reranker.score_tasks(few_tasks), half.score_tasks(few_tasks)
    gaps = [np.abs(a - b).max() for a, b in zip(exact, near, strict=True)]
    assert 0 < max(gaps) < 0.1 * max(np.ptp(row) for row in exact)


def test_the_slower_path_warns_once(few_tasks):
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    assert reranker.why_plain is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = reranker.score_tasks(few_tasks)
    reranker.scorer.model.model.norm.register_forward_hook(lambda module, given, out: out)
    assert "forward hook" in reranker.why_plain
    with pytest.warns(UserWarning, match="slower: model.norm has a forward hook"):
        slow = reranker.score_tasks(few_tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reranker.score_tasks(few_tasks)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("checkpointing", [True, False])
def test_training_in_mixed_precision_leaves_nothing_that_prevents_packing(monkeypatch, few_tasks, checkpointing):
    """As on a GPU: accelerate's autocast around the forward pass, and the hook that checkpointing needs."""
    from rerank_model.training import train

    monkeypatch.setattr(train, "pick_dtype", lambda device: torch.bfloat16)
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    settings = TrainingSettings(batch_size=4, max_steps=2, warmup_steps=1, gradient_checkpointing=checkpointing)
    reranker.fit(few_tasks, settings, lambda done, total, note="": None)
    assert reranker.why_plain is None


def test_one_task_and_many_are_scored_in_the_precision_asked_for(few_tasks):
    if not precision.has_native_bfloat16(torch.device("cpu")):
        pytest.skip("needs bfloat16 in the processor")
    half = Reranker.from_pretrained(embedded_base(), device="cpu", scoring_dtype=torch.bfloat16)
    exact = Reranker.from_pretrained(embedded_base(), device="cpu")
    (alone,) = half.score_tasks(few_tasks[:1])
    assert np.abs(alone - exact.score_tasks(few_tasks)[0]).max() > 1e-3, "as exact as float32: not bfloat16"
