"""Which decoders have the shape that the trimmed and the packed path compute: every part is of an expected class."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers.activations import SiLUActivation
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama import modeling_llama as llama
from transformers.models.qwen2 import modeling_qwen2 as qwen2
from transformers.models.qwen3 import modeling_qwen3 as qwen3

__all__ = ["is_its_own", "unknown_shape"]

_STATIC_ROTATIONS = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary embeddings that depend on a token's position alone; the others change with the longest prompt of a batch."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """The classes of one architecture, by what they are in it."""

    decoder: type[nn.Module]
    layer: type[nn.Module]
    attention: type[nn.Module]
    mlp: type[nn.Module]
    norm: type[nn.Module]
    rotary: type[nn.Module]


_TRIED: dict[str, _Parts] = {
    "qwen3": _Parts(
        qwen3.Qwen3Model,
        qwen3.Qwen3DecoderLayer,
        qwen3.Qwen3Attention,
        qwen3.Qwen3MLP,
        qwen3.Qwen3RMSNorm,
        qwen3.Qwen3RotaryEmbedding,
    ),
    "qwen2": _Parts(
        qwen2.Qwen2Model,
        qwen2.Qwen2DecoderLayer,
        qwen2.Qwen2Attention,
        qwen2.Qwen2MLP,
        qwen2.Qwen2RMSNorm,
        qwen2.Qwen2RotaryEmbedding,
    ),
    "llama": _Parts(
        llama.LlamaModel,
        llama.LlamaDecoderLayer,
        llama.LlamaAttention,
        llama.LlamaMLP,
        llama.LlamaRMSNorm,
        llama.LlamaRotaryEmbedding,
    ),
}
"""Architectures whose trimmed and packed paths a test compares with the plain one."""


def unknown_shape(decoder: Any) -> str | None:
    """Why the decoder is not of the shape that Llama and Qwen share, in words; None where it is.

    That shape: pre-norm, rotary, attention and MLP one after the other, no window, no further norms. A part of another
    class, or of a class whose forward method has been replaced, may compute anything.
    """
    parts = _TRIED.get(getattr(getattr(decoder, "config", None), "model_type", ""))
    if parts is None or type(decoder) is not parts.decoder:
        return f"{type(decoder).__name__} is not an architecture that has been tried ({', '.join(sorted(_TRIED))})"
    if getattr(decoder, "has_sliding_layers", False):
        return "its attention has a sliding window"
    config: Any = decoder.config
    if config._attn_implementation != "sdpa" or not _is_torchs(ALL_ATTENTION_FUNCTIONS["sdpa"]):
        return (
            f"its attention is computed by {config._attn_implementation!r}; load it with "
            "attn_implementation='sdpa', as transformers has it"
        )
    rotation = getattr(decoder.rotary_emb, "rope_type", "default")
    if rotation not in _STATIC_ROTATIONS:
        return f"its rotary embedding is of type {rotation!r}, which depends on the other prompts of a batch"
    return _another_class(decoder, parts)


def is_its_own(kind: type) -> bool:
    """Whether a class computes by code of its own package, or torch's around it: what replaces it comes from elsewhere."""
    folders = tuple(
        os.path.dirname(str(sys.modules[package].__file__)) + os.sep
        for package in (kind.__module__.partition(".")[0], "torch")
    )
    function: Any = kind.forward  # type: ignore[attr-defined]
    while function is not None:
        code = getattr(function, "__code__", None)
        if code is None or not code.co_filename.startswith(folders):
            return False
        function = getattr(function, "__wrapped__", None)  # decorators such as torch.no_grad wrap it
    return True


def _another_class(decoder: Any, parts: _Parts) -> str | None:
    expected: list[tuple[str, Any, tuple[type, ...]]] = [
        ("embed_tokens", decoder.embed_tokens, (nn.Embedding,)),
        ("norm", decoder.norm, (parts.norm,)),
        ("rotary_emb", decoder.rotary_emb, (parts.rotary,)),
    ]
    for number, layer in enumerate(decoder.layers):
        name = f"layers.{number}"
        if type(layer) is not parts.layer:
            return f"{name} is a {type(layer).__name__}"
        attention, mlp = layer.self_attn, layer.mlp
        expected += [
            (f"{name}.self_attn", attention, (parts.attention,)),
            (f"{name}.mlp", mlp, (parts.mlp,)),
            (f"{name}.input_layernorm", layer.input_layernorm, (parts.norm,)),
            (f"{name}.post_attention_layernorm", layer.post_attention_layernorm, (parts.norm,)),
            (f"{name}.mlp.act_fn", getattr(mlp, "act_fn", None), (SiLUActivation, nn.SiLU)),
        ]
        for norm in ("q_norm", "k_norm"):
            if hasattr(attention, norm):
                expected.append((f"{name}.self_attn.{norm}", getattr(attention, norm), (parts.norm,)))
        if not getattr(attention, "is_causal", True):
            return f"{name}.self_attn is not causal"
    for name, module, classes in expected:
        if type(module) not in classes:
            return f"{name} is a {type(module).__name__}"
    for kind in {*(type(module) for _, module, _ in expected), parts.layer, parts.decoder}:
        if not is_its_own(kind):
            return f"the forward method of {kind.__name__} has been replaced"
    return None


def _is_torchs(function: Any) -> bool:
    return str(getattr(function, "__module__", "")) == "transformers.integrations.sdpa_attention"
