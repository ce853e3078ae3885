"""The causal language model inside of what a backend gives."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["causal_lm_of"]


def causal_lm_of(model: nn.Module) -> Any:
    """The model itself, or the one that a peft model is around."""
    base: Any = model
    return base.get_base_model() if hasattr(base, "get_base_model") else base
