"""Adapters that a save and a reload have changed."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.training_change import SavedAdapter
from rerank_model.reranker import Reranker

__all__ = ["spoil_adapter"]


@torch.no_grad()
def spoil_adapter(reranker: Reranker, change: SavedAdapter) -> None:
    """Leave a trained reranker as a faulty save and reload would leave it.

    Raises:
        NotOfferedError: it has no adapter.
    """
    model = reranker.scorer.model
    if not isinstance(model, PeftModel):
        raise NotOfferedError("this reranker trains all its weights, so there is no adapter to lose")
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LoraLayer)]
    if change is SavedAdapter.INACTIVE:
        tuner: Any = model.base_model
        tuner.disable_adapter_layers()
        return
    for layer in layers:
        for name in list(layer.lora_B):
            if change is SavedAdapter.WITHOUT_WEIGHTS:
                layer.lora_B[name].weight.zero_()  # peft's fresh adapter: B is 0
            else:
                layer.base_layer.weight += layer.get_delta_weight(name).to(layer.base_layer.weight.dtype)
