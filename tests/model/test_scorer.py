from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from rerank_guard.recording.recorder import TraceRecorder
from rerank_model.backends.backend import TransformersBackend
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.errors import BackendError, TrainingError
from rerank_model.scoring.score import log_softmax, score_prompts
from rerank_model.scoring.scorer import LetterScorer, letter_nll, pad_prompts, verify_letter_head
from rerank_model.training.dataset import LetterCollator, LetterDataset


def tiny(**changes) -> Qwen3ForCausalLM:
    settings = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    settings |= {"head_dim": 16, "intermediate_size": 64, "vocab_size": 300, "initializer_range": 0.2}
    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(**settings | changes)).eval()


def test_letter_logits_equal_the_models_own_one_prompt_at_a_time(base_reranker, few_tasks):
    """The packed path against the plain forward pass."""
    scorer, encoder = base_reranker.scorer, base_reranker.encoder
    prompts = [encoder.encode(task.history[: i % 5], task.candidates) for i, task in enumerate(few_tasks)]
    assert len({len(prompt) for prompt in prompts}) > 2, "they must differ in length"
    fast = score_prompts(scorer, prompts, [12] * len(prompts), tokens_per_batch=700, pad_token_id=0)
    for prompt, row in zip(prompts, fast, strict=True):
        with torch.inference_mode():
            logits = scorer.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        np.testing.assert_allclose(row, logits[scorer.letter_token_ids[:12]].numpy(), atol=2e-4)


def test_padding_content_and_batch_mates_do_not_matter(base_reranker, few_tasks):
    encoder = base_reranker.encoder
    prompts = [encoder.encode(task.history[: i % 3], task.candidates) for i, task in enumerate(few_tasks[:6])]
    n = [12] * 6
    together = score_prompts(base_reranker.scorer, prompts, n, tokens_per_batch=2000, pad_token_id=0)
    alone = score_prompts(base_reranker.scorer, prompts, n, tokens_per_batch=1, pad_token_id=0)
    other_pad = score_prompts(base_reranker.scorer, prompts, n, tokens_per_batch=2000, pad_token_id=77)
    for a, b, c in zip(together, alone, other_pad, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
        np.testing.assert_allclose(a, c, atol=1e-6)


def test_ragged_lists_come_back_at_their_own_length(base_reranker, few_tasks):
    prompts = [base_reranker.encoder.encode((), task.candidates[: 2 + i]) for i, task in enumerate(few_tasks[:6])]
    rows = score_prompts(
        base_reranker.scorer, prompts, [2 + i for i in range(6)], tokens_per_batch=300, pad_token_id=0
    )
    assert [len(row) for row in rows] == [2, 3, 4, 5, 6, 7]
    assert all(np.isfinite(row).all() for row in rows)


def test_loss_is_the_restricted_cross_entropy():
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.1, -torch.inf]])
    nll = letter_nll(logits, torch.tensor([2, 0]))
    expected = [-log_softmax(np.array([1.0, 2.0, 3.0]))[2], -log_softmax(np.array([0.5, 0.1]))[0]]
    np.testing.assert_allclose(nll.numpy(), expected, atol=1e-6)


def test_gradients_equal_those_of_full_sequence_logits():
    """Answer-only training is the same objective: gradients agree with slicing the full logits."""
    model, letters = tiny(), [5, 6, 7]
    batch = pad_prompts([[1, 2, 3, 4], [9, 8]], [3, 2], 0)
    target = torch.tensor([1, 0])
    letter_nll(LetterScorer(model, letters)(**batch), target).mean().backward()
    ours = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    full = model(input_ids=batch["input_ids"]).logits[torch.arange(2), batch["last_position"]][:, letters]
    full = full.masked_fill(torch.tensor([[False, False, False], [False, False, True]]), -torch.inf)
    torch.nn.functional.cross_entropy(full, target).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, atol=1e-5, rtol=1e-4)


def test_only_the_prompt_before_the_letter_is_read():
    """A later token changes nothing: what is scored is the position of the letter, not the end of the row."""
    scorer = LetterScorer(tiny(), [5, 6])
    batch = pad_prompts([[1, 2, 3], [1, 2, 3, 4, 4]], [2, 2], 0)
    changed = {name: value.clone() for name, value in batch.items()}
    changed["input_ids"][0, 3:] = 9
    torch.testing.assert_close(scorer(**batch)[0], scorer(**changed)[0])


class Capped(Qwen3ForCausalLM):
    """A head that letter rows cannot read: it computes more than the matrix product."""

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        output.logits = 2.0 * torch.tanh(output.logits / 2.0)
        return output


def test_a_head_that_does_more_is_refused():
    verify_letter_head(LetterScorer(tiny(), [5, 6, 7]))
    capped = tiny()
    capped.__class__ = Capped
    with pytest.raises(BackendError, match="capping, scaling"):
        verify_letter_head(LetterScorer(capped, [5, 6, 7]))


def test_an_adapter_on_the_head_is_refused():
    model = TransformersBackend().add_lora(
        tiny(tie_word_embeddings=False), LoraSettings(target_modules=("lm_head",)), seed=0
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(parameter)
    with pytest.raises(BackendError, match="head carries an adapter"):
        verify_letter_head(LetterScorer(model, [5, 6, 7]))


def test_training_data_must_hold_its_targets(encoder, few_tasks):
    from dataclasses import replace

    with pytest.raises(TrainingError, match="no training tasks"):
        LetterDataset([])
    for bad in (None, 12, -1, (few_tasks[0].target_index + 1) % 12):
        with pytest.raises(TrainingError, match="is not at position"):
            LetterDataset([replace(few_tasks[0], target_index=bad)])
    batch = LetterCollator(encoder, 0)([LetterDataset(few_tasks)[i] for i in (3, 1)])
    assert batch["example_id"].tolist() == [3, 1]
    assert batch["target_index"].tolist() == [few_tasks[3].target_index, few_tasks[1].target_index]


def test_recorder_survives_a_restart(tmp_path):
    recorder = TraceRecorder(4, 10)
    recorder.examples([3.0, 2.0], 20, [0, 1])
    recorder.step(0.1, 1.0)
    recorder.save(tmp_path / "trace.npz")
    again = TraceRecorder(4, 10)
    again.load(tmp_path / "trace.npz")
    again.examples([1.0], 20, [1])
    again.step(0.05)
    trace = again.finish()
    assert trace.letter_nll.tolist() == [3.0, 2.0, 1.0]
    assert trace.first_pass.tolist() == [True, True, False]
    assert trace.example_step.tolist() == [0, 0, 1]
    assert trace.optimizer_steps == 2
