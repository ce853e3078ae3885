"""What holds for any model, checked by pytest-torch on the letter scorer: contract, padding, gradients."""

from __future__ import annotations

import pytest
import torch
from pytest_torch import (
    assert_gradients_finite,
    assert_overfits_one_batch,
    assert_padding_invariant,
    check_inference_contract,
)

from rerank_model.reranker import Reranker
from rerank_model.scoring.scorer import LetterScorer, letter_nll, pad_prompts
from rerank_model.targets.embedded import embedded_base


@pytest.fixture
def batch(base_reranker, few_tasks):
    prompts = [
        base_reranker.encoder.encode(task.history[: i % 4], task.candidates) for i, task in enumerate(few_tasks)
    ]
    return pad_prompts(prompts, [task.n_candidates for task in few_tasks], 0)


def test_inference_contract(base_reranker, batch):
    check_inference_contract(base_reranker.scorer, batch, atol=1e-4)


def test_extra_padding_changes_nothing(base_reranker, batch):
    assert_padding_invariant(base_reranker.scorer, batch, extra=5, pad_value=9, atol=1e-4)


class ReadsTheEnd(LetterScorer):
    """Reads the last column, padding or not (fault S1)."""

    def forward(self, input_ids, last_position, n_candidates):
        return super().forward(input_ids, torch.full_like(last_position, input_ids.shape[1] - 1), n_candidates)


def test_the_padding_check_catches_a_scorer_that_reads_the_end(base_reranker, batch):
    broken = ReadsTheEnd(base_reranker.scorer.model, base_reranker.verbalizer.letter_token_ids).eval()
    with pytest.raises(AssertionError):
        assert_padding_invariant(broken, batch, extra=5, pad_value=9, atol=1e-4)


TRAINED = 8
"""Examples of the two tests that train."""


@pytest.fixture
def small_batch(batch):
    return {name: rows[:TRAINED] for name, rows in batch.items()}


@pytest.fixture
def loss(few_tasks):
    target = torch.tensor([task.target_index for task in few_tasks[:TRAINED]])
    return lambda logits: letter_nll(logits, target).mean()


def test_gradients_are_finite(small_batch, loss):
    scorer = Reranker.from_pretrained(embedded_base(), device="cpu").scorer
    assert_gradients_finite(scorer, small_batch, loss)


def test_it_overfits_one_batch(small_batch, loss):
    scorer = Reranker.from_pretrained(embedded_base(), device="cpu").scorer
    assert_overfits_one_batch(scorer, small_batch, loss, lr=2e-3, max_final_ratio=0.3, steps=40)
