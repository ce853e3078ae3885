"""Random models of each architecture that is scored the fast way, and of some that are not."""

from __future__ import annotations

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SMALL = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}

KINDS = {
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "llama": (LlamaConfig, LlamaForCausalLM),
}


def make(name, **changes):
    """A model in eval mode; norms and biases are drawn too, so that leaving one out shows."""
    torch.manual_seed(0)
    config, model = KINDS[name]
    made = model(config(**SMALL | changes)).eval()
    with torch.no_grad():
        for key, value in made.named_parameters():
            if "norm" in key:
                value.uniform_(0.5, 1.5)
            elif key.endswith("bias"):
                value.normal_(std=0.3)
            else:
                value.normal_(std=0.15)
    return made
