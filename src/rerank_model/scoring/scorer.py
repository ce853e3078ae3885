"""The forward pass: letter logits at the last real token of each prompt, and nothing else of the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from torch import Tensor, nn

from rerank_model.backends.causal_lm import causal_lm_of
from rerank_model.errors import BackendError
from rerank_model.scoring.last_token import choose_path
from rerank_model.scoring.packed.batches import TokenIds

__all__ = ["LetterScorer", "Prompts", "letter_nll", "pad_prompts", "verify_letter_head"]

Prompts = dict[str, Tensor]
"""A padded batch: `input_ids` (B, L) int64 right-padded, `last_position` (B,) int64, `n_candidates` (B,) int64."""


def pad_prompts(prompts: Sequence[TokenIds], n_candidates: Sequence[int], pad_token_id: int) -> Prompts:
    """Right-pad prompts to the longest of the batch.

    Right padding needs no attention mask in a causal model: no real token looks at a later one.
    """
    lengths = torch.tensor([len(ids) for ids in prompts], dtype=torch.int64)
    input_ids = torch.full((len(prompts), int(lengths.max())), pad_token_id, dtype=torch.int64)
    for row, ids in enumerate(prompts):
        input_ids[row, : len(ids)] = torch.from_numpy(np.array(ids, dtype=np.int64))
    return {
        "input_ids": input_ids,
        "last_position": lengths - 1,
        "n_candidates": torch.tensor(n_candidates, dtype=torch.int64),
    }


class LetterScorer(nn.Module):
    """A causal language model read at the letters.

    A module of its own, so that Trainer, DDP and accelerate see an ordinary forward pass.

    Args:
        model: a causal LM, or a peft model around one.
        letter_token_ids: ids of the letters in the order of positions.
    """

    letter_token_ids: Tensor

    def __init__(self, model: nn.Module, letter_token_ids: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("letter_token_ids", torch.tensor(letter_token_ids), persistent=False)
        self.packed_problem: str | None = None
        """Why this model is not computed packed although its shape is known; see `score.packed_gap`."""

    def gradient_checkpointing_enable(self, **settings: Any) -> None:
        """Pass Trainer's call on to the model; with adapters the frozen embeddings must pass gradients on."""
        model: Any = self.model
        model.gradient_checkpointing_enable(**settings)
        if hasattr(model, "get_base_model"):
            model.enable_input_require_grads()

    def forward(self, input_ids: Tensor, last_position: Tensor, n_candidates: Tensor) -> Tensor:
        """Letter logits, float32 (B, N of the longest list); positions beyond a prompt's own N are -inf."""
        causal_lm = causal_lm_of(self.model)
        decoder = causal_lm.get_decoder()
        last = choose_path(decoder)(decoder, input_ids, last_position)
        width = int(n_candidates.max())
        head = causal_lm.get_output_embeddings()
        rows = self.letter_token_ids[:width]
        bias = None if head.bias is None else head.bias[rows]
        # In float32 whatever the weights are: bfloat16 logits of one prompt would tie by rounding.
        with torch.autocast(last.device.type, enabled=False):
            logits = nn.functional.linear(
                last.float(), head.weight[rows].float(), None if bias is None else bias.float()
            )
        positions = torch.arange(width, device=logits.device)
        return logits.masked_fill(positions >= n_candidates[:, None], -torch.inf)


def letter_nll(logits: Tensor, target_index: Tensor) -> Tensor:
    """Cross-entropy (B,) float32, nats, of the target letter under the softmax restricted to the letters in use."""
    return nn.functional.cross_entropy(logits, target_index, reduction="none")


@torch.no_grad()
def verify_letter_head(scorer: LetterScorer) -> None:
    """Compare the letter rows with the model's own logits on one short input.

    Models that cap or scale their logits after the head, or whose head carries an adapter, would be read wrongly.

    Raises:
        BackendError: the two differ by more than rounding.
    """
    causal_lm = causal_lm_of(scorer.model)
    if isinstance(causal_lm.get_output_embeddings(), BaseTunerLayer | ModulesToSaveWrapper):
        raise BackendError(
            "the head carries an adapter, whose part of the logits letter scoring would leave out; leave the head out "
            "of target_modules."
        )
    device = scorer.letter_token_ids.device
    ids = scorer.letter_token_ids[:4].repeat(2)[None]
    n = len(scorer.letter_token_ids)
    was_training = scorer.training
    scorer.eval()
    ours = scorer(ids, torch.tensor([ids.shape[1] - 1], device=device), torch.tensor([n], device=device))
    whole = causal_lm(input_ids=ids, use_cache=False).logits[:, -1, scorer.letter_token_ids].float()
    scorer.train(was_training)
    full_precision = next(causal_lm.parameters()).dtype == torch.float32
    # The model's own logits are rounded to its precision: 8 bits of mantissa in bfloat16.
    tolerance = 1e-3 if full_precision else max(0.1, 2.0**-6 * float(whole.abs().max()))
    gap = float((ours - whole).abs().max())
    if not gap <= tolerance:
        raise BackendError(
            f"{type(causal_lm).__name__}: letter logits differ from the model's own by {gap:.3g}; its head does more "
            "than one matrix product (capping, scaling, an adapter on it), which letter scoring does not support."
        )
