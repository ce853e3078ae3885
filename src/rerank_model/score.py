"""Score many prompts: sorted by length, batched, one copy back at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rerank_guard.target import Progress
from rerank_guard.types import FloatArray
from rerank_model.scorer import LetterScorer, pad_prompts

__all__ = ["log_softmax", "score_prompts"]


@torch.inference_mode()
def score_prompts(
    scorer: LetterScorer,
    prompts: Sequence[Sequence[int]],
    n_candidates: Sequence[int],
    *,
    batch_size: int,
    pad_token_id: int,
    progress: Progress | None = None,
) -> list[FloatArray]:
    """Letter logits of each prompt.

    Args:
        scorer: the model; put into eval mode for the call and back afterwards.
        prompts: token ids, up to where the letter goes.
        n_candidates: N of each prompt.
        batch_size: prompts a forward pass.
        pad_token_id: what short prompts of a batch are filled with.
        progress: told after every batch.

    Returns:
        One float64 array (N,) a prompt, in the order given.
    """
    device = scorer.letter_token_ids.device
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
    was_training = scorer.training
    scorer.eval()
    outputs: list[tuple[list[int], torch.Tensor]] = []
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = pad_prompts([prompts[i] for i in chosen], [n_candidates[i] for i in chosen], pad_token_id)
        outputs.append((chosen, scorer(**{name: value.to(device) for name, value in batch.items()})))
        if progress is not None:
            progress(min(start + batch_size, len(order)), len(order))
    scorer.train(was_training)
    scores: list[FloatArray] = [np.empty(0)] * len(prompts)
    for chosen, logits in outputs:
        for index, row in zip(chosen, logits.double().cpu().numpy(), strict=True):
            scores[index] = row[: n_candidates[index]].copy()
    return scores


def log_softmax(logits: FloatArray) -> FloatArray:
    """Log-probabilities (N,) of logits (N,), nats."""
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
