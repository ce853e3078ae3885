"""Which models the packed path computes: those whose every part is one that it knows, and that nobody has changed."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraModel, PeftModel
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import nn

from rerank_model.causal_lm import causal_lm_of

__all__ = ["unknown_shape", "why_not_packed"]

_TRIED = frozenset({"qwen3", "qwen2", "llama"})
"""Model types whose trimmed and packed paths a test holds against the plain one."""

_DECODER = ("embed_tokens", "layers", "norm", "rotary_emb")
_LAYER = ("self_attn", "mlp", "input_layernorm", "post_attention_layernorm")
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "head_dim", "scaling")
_MLP = ("gate_proj", "up_proj", "down_proj")

_STATIC_ROTATIONS = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary embeddings that depend on a token's position alone; the others change with the longest prompt of a batch."""

_PLAIN_MODULES = ("transformers.models.", "torch.nn.modules.", "transformers.activations")


def unknown_shape(decoder: Any) -> str | None:
    """Why the decoder is not of the shape that Llama and Qwen share; None where it is.

    That shape: pre-norm, rotary, attention and MLP one after the other, no window, no further norms.
    """
    name = type(decoder).__name__
    if not all(hasattr(decoder, part) for part in _DECODER) or not len(decoder.layers):
        return f"{name} is built otherwise than Llama and Qwen"
    if decoder.config.model_type not in _TRIED:
        return (
            f"the model type {decoder.config.model_type!r} has not been tried (tried: {', '.join(sorted(_TRIED))})"
        )
    if getattr(decoder, "has_sliding_layers", False):
        return "its attention has a sliding window"
    last = decoder.layers[-1]
    if not type(last).forward.__module__.startswith("transformers.models."):  # unsloth brings its own kernels
        return f"its layers are computed by {type(last).forward.__module__}"
    implementation = getattr(decoder.config, "_attn_implementation", None)
    if implementation not in ("sdpa", "eager"):
        return f"its attention is computed by {implementation!r}"
    if not all(hasattr(last, part) for part in _LAYER) or not all(
        hasattr(last.self_attn, part) for part in _ATTENTION
    ):
        return f"the layers of {name} are built otherwise than Llama's and Qwen's"
    return None


def why_not_packed(model: nn.Module) -> str | None:
    """Why prompts of this model are not packed; None where they can be.

    A packed forward pass computes from the weights what the modules would. It is only right as long as nobody has put
    something between them: a hook, another forward method, an adapter of another kind than plain LoRA.

    Args:
        model: a causal LM, or a peft model around one.
    """
    base = causal_lm_of(model)
    decoder = base.get_decoder()
    reason = unknown_shape(decoder)
    if reason is not None:
        return reason
    rotation = getattr(decoder.rotary_emb, "rope_type", "default")
    if rotation not in _STATIC_ROTATIONS:
        return f"its rotary embedding is of type {rotation!r}, which depends on the other prompts of a batch"
    if decoder.config.hidden_act != "silu" or not all(hasattr(decoder.layers[-1].mlp, part) for part in _MLP):
        return f"its MLP is not the gated one with SiLU ({decoder.config.hidden_act})"
    dtype, device = decoder.embed_tokens.weight.dtype, decoder.embed_tokens.weight.device
    if dtype not in (torch.float32, torch.bfloat16) and not (dtype == torch.float16 and device.type == "cuda"):
        return f"its weights are {dtype} on {device.type}"
    if model is not base and getattr(model, "active_peft_config", None) is not None:
        kind = getattr(model.active_peft_config, "peft_type", None)
        if str(getattr(kind, "value", kind)) != "LORA":
            return f"its adapter is of the kind {kind}"
    for module_name, module in model.named_modules():
        reason = _changed(module)
        if reason is not None:
            return f"{module_name or type(base).__name__} {reason}"
    return None


def _changed(module: nn.Module) -> str | None:
    """What has been put into the way of a module's own forward pass; None where nothing has."""
    if module._forward_hooks or module._forward_pre_hooks:
        return "has a forward hook"
    if "forward" in module.__dict__:
        return "has a forward method of its own put in"
    if isinstance(module, LoraLinear):
        return _unusual_lora(module)
    kind = type(module)
    if not kind.__module__.startswith(_PLAIN_MODULES) and not isinstance(module, PeftModel | LoraModel):
        return f"is a {kind.__module__}.{kind.__qualname__}"
    return None


def _unusual_lora(module: LoraLinear) -> str | None:
    if type(module) is not LoraLinear:
        return f"is a {type(module).__qualname__}"
    if module.lora_variant or any(module.lora_bias.values()):
        return "has an adapter that is more than a product of two matrices"
    if module.merged and module.disable_adapters:
        return "has a merged adapter that is switched off"
    return None
