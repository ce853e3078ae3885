"""A decoder's weights as the packed path multiplies by them: with adapters merged, in one precision.

Read again at each call, so that a training step, a reload or a switched-off adapter needs no notice. The model itself
is left as it is: only matrices with an adapter, or of another precision, are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn

from rerank_model.backends.causal_lm import causal_lm_of

__all__ = ["DecoderWeights", "LayerWeights", "Linear", "Norm", "read_weights"]


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix (in, out), laid out for `x @ matrix`, and a bias (out,) or None."""

    matrix: Tensor
    bias: Tensor | None


@dataclass(frozen=True, slots=True)
class Norm:
    """RMSNorm's weight (H,) and epsilon."""

    weight: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer.

    Attributes:
        before_attention, before_mlp: norms.
        query, key, value, output: of attention.
        query_norm, key_norm: over a head, or None where the architecture has none.
        scaling: of the scores, before the softmax.
        gate, up, down: of the MLP.
    """

    before_attention: Norm
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    query_norm: Norm | None
    key_norm: Norm | None
    scaling: float
    before_mlp: Norm
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """All that a packed forward pass needs.

    Attributes:
        embedding: (V, H), the model's own.
        layers: from the first to the last.
        final_norm: after the last layer, float32.
        letters: the head's rows of the letters, float32 (H, A), and their bias or None.
        heads, key_value_heads, head_dim: of attention.
        rotary: the model's own rotary embedding.
        dtype: in which layers are computed.
    """

    embedding: Tensor
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    letters: Linear
    heads: int
    key_value_heads: int
    head_dim: int
    rotary: nn.Module
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.embedding.device


@torch.no_grad()
def read_weights(model: nn.Module, letter_token_ids: Sequence[int] | Tensor, dtype: torch.dtype) -> DecoderWeights:
    """Read the weights of a model for which `why_not_packed` gives None.

    Args:
        model: a causal LM, or a peft model around one.
        letter_token_ids: ids of the A letters in the order of positions.
        dtype: in which layers shall be computed; root mean squares, the last norm and the head are in float32 in any case.
    """
    base = causal_lm_of(model)
    decoder = base.get_decoder()
    attention = decoder.layers[0].self_attn
    head = base.get_output_embeddings()
    rows = head.weight[letter_token_ids].float()
    return DecoderWeights(
        embedding=decoder.embed_tokens.weight.detach(),
        layers=tuple(_read_layer(layer, dtype) for layer in decoder.layers),
        final_norm=_norm(decoder.norm, torch.float32),
        letters=Linear(rows.t(), None if head.bias is None else head.bias[letter_token_ids].float()),
        heads=attention.q_proj.out_features // attention.head_dim,
        key_value_heads=attention.k_proj.out_features // attention.head_dim,
        head_dim=attention.head_dim,
        rotary=decoder.rotary_emb,
        dtype=dtype,
    )


def _read_layer(layer: Any, dtype: torch.dtype) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    query_norm, key_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return LayerWeights(
        before_attention=_norm(layer.input_layernorm, dtype),
        query=_linear(attention.q_proj, dtype),
        key=_linear(attention.k_proj, dtype),
        value=_linear(attention.v_proj, dtype),
        output=_linear(attention.o_proj, dtype),
        query_norm=None if query_norm is None else _norm(query_norm, dtype),
        key_norm=None if key_norm is None else _norm(key_norm, dtype),
        scaling=float(attention.scaling),
        before_mlp=_norm(layer.post_attention_layernorm, dtype),
        gate=_linear(mlp.gate_proj, dtype),
        up=_linear(mlp.up_proj, dtype),
        down=_linear(mlp.down_proj, dtype),
    )


def _norm(module: Any, dtype: torch.dtype) -> Norm:
    return Norm(module.weight.detach().to(dtype), float(module.variance_epsilon))


def _linear(module: Any, dtype: torch.dtype) -> Linear:
    bias = None if module.bias is None else module.bias.detach().to(dtype)
    return Linear(_with_adapters(module).to(dtype).t(), bias)


def _with_adapters(module: Any) -> Tensor:
    """A linear layer's weight (out, in): the module's own, or a float32 copy with the adapters that are active now."""
    if not isinstance(module, LoraLinear):
        return module.weight.detach()  # type: ignore[no-any-return]
    base_layer: Any = module.get_base_layer()
    weight: Tensor = base_layer.weight.detach()
    if module.disable_adapters or module.merged:  # merged: the weight holds them already
        return weight
    for name in module.active_adapters:
        if name in module.lora_A:
            # what peft's own merging adds: scaling times the product of the two matrices
            weight = weight.float() + module.get_delta_weight(name).float()
    return weight
