"""The plain forward pass: one prompt, no padding, the model's own head over the whole vocabulary.

Letter scoring is compared with it; it shares nothing with `scorer.py` but the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from rerank_guard.core.types import FloatArray

__all__ = ["next_token_logits"]


@torch.inference_mode()
def next_token_logits(model: nn.Module, prompts: Sequence[Sequence[int]], device: torch.device) -> list[FloatArray]:
    """The logits (V,) float64 after the last token of each prompt.

    Args:
        model: a causal LM, or a peft model around one; put into eval mode for the call and back afterwards.
        prompts: token ids, each at least one.
        device: where the model is.
    """
    causal_lm: Any = model
    was_training = model.training
    model.eval()
    rows = []
    for ids in prompts:
        logits = causal_lm(input_ids=torch.tensor([list(ids)], device=device), use_cache=False).logits
        rows.append(np.asarray(logits[0, -1].double().cpu().numpy()))
    model.train(was_training)
    return rows
