"""A decoder's weights as the packed path multiplies by them: adapters merged, norms folded in, in one precision.

Read anew at each call, so that nothing has to be noticed when a training step, a reload or a switched-off adapter
changes the model; beside a batch of prompts that costs nothing. The model itself is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn

from rerank_model.causal_lm import causal_lm_of

__all__ = ["DecoderWeights", "LayerWeights", "Linear", "read_weights"]


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix (in, out), laid out for `x @ matrix`, and a bias (out,) or None."""

    matrix: Tensor
    bias: Tensor | None


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer. The norms' weights stand in the matrices behind them; those of queries and keys stand apart.

    Attributes:
        query, key_value: with the norm before attention folded in; keys first, then values.
        output: behind attention.
        query_norm, key_norm: (head_dim,), or None where the architecture has none.
        gate, up: with the norm before the MLP folded in.
        down: behind the MLP.
        attention_eps, mlp_eps, query_key_eps: of the norms.
    """

    query: Linear
    key_value: Linear
    output: Linear
    query_norm: Tensor | None
    key_norm: Tensor | None
    gate: Linear
    up: Linear
    down: Linear
    attention_eps: float
    mlp_eps: float
    query_key_eps: float


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """All that a packed forward pass needs.

    Attributes:
        embedding: (V, H), the model's own.
        layers: from the first to the last.
        letters: the head's rows of the letters with the last norm folded in, float32 (H, A), and their bias or None.
        final_eps: of the last norm.
        heads, key_value_heads, head_dim: of attention.
        scaling: of the scores, before the softmax.
        rotary: the model's own rotary embedding.
        dtype: in which layers are computed.
    """

    embedding: Tensor
    layers: tuple[LayerWeights, ...]
    letters: Linear
    final_eps: float
    heads: int
    key_value_heads: int
    head_dim: int
    scaling: float
    rotary: nn.Module
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.embedding.device


@torch.no_grad()
def read_weights(model: nn.Module, letter_token_ids: Sequence[int] | Tensor, dtype: torch.dtype) -> DecoderWeights:
    """Read the weights of a model that `why_not_packed` has nothing against.

    Args:
        model: a causal LM, or a peft model around one.
        letter_token_ids: ids of the A letters in slot order.
        dtype: in which layers shall be computed; norms, the softmax and the head are in float32 in any case.
    """
    base = causal_lm_of(model)
    decoder = base.get_decoder()
    attention = decoder.layers[0].self_attn
    head = base.get_output_embeddings()
    rows = head.weight[letter_token_ids].float() * decoder.norm.weight.float()
    return DecoderWeights(
        embedding=decoder.embed_tokens.weight.detach(),
        layers=tuple(_read_layer(layer, dtype) for layer in decoder.layers),
        letters=Linear(rows.t().contiguous(), None if head.bias is None else head.bias[letter_token_ids].float()),
        final_eps=float(decoder.norm.variance_epsilon),
        heads=attention.q_proj.out_features // attention.head_dim,
        key_value_heads=attention.k_proj.out_features // attention.head_dim,
        head_dim=attention.head_dim,
        scaling=float(attention.scaling),
        rotary=decoder.rotary_emb,
        dtype=dtype,
    )


def _read_layer(layer: Any, dtype: torch.dtype) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    before_attention, before_mlp = layer.input_layernorm, layer.post_attention_layernorm
    query_norm, key_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return LayerWeights(
        query=_linear([attention.q_proj], before_attention.weight, dtype),
        key_value=_linear([attention.k_proj, attention.v_proj], before_attention.weight, dtype),
        output=_linear([attention.o_proj], None, dtype),
        query_norm=None if query_norm is None else query_norm.weight.detach(),
        key_norm=None if key_norm is None else key_norm.weight.detach(),
        gate=_linear([mlp.gate_proj], before_mlp.weight, dtype),
        up=_linear([mlp.up_proj], before_mlp.weight, dtype),
        down=_linear([mlp.down_proj], None, dtype),
        attention_eps=float(before_attention.variance_epsilon),
        mlp_eps=float(before_mlp.variance_epsilon),
        query_key_eps=0.0 if query_norm is None else float(query_norm.variance_epsilon),
    )


def _linear(modules: Sequence[Any], norm: Tensor | None, dtype: torch.dtype) -> Linear:
    """Modules over the same input side by side, behind a norm's weight (in,) if there is one."""
    matrices = [_with_adapters(module) for module in modules]
    if norm is not None:
        matrices = [matrix * norm.float() for matrix in matrices]
    whole = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
    biases = [module.bias for module in modules]
    bias = None if biases[0] is None else torch.cat(biases).detach().to(dtype)
    return Linear(whole.to(dtype).t(), bias)


def _with_adapters(module: Any) -> Tensor:
    """A linear layer's weight (out, in) float32, with the adapters that are active now."""
    if not isinstance(module, LoraLinear):
        return module.weight.detach().float()  # type: ignore[no-any-return]
    base_layer: Any = module.get_base_layer()
    weight: Tensor = base_layer.weight.detach().float()
    if module.disable_adapters or module.merged:  # merged: the weight holds them already
        return weight
    for name in module.active_adapters:
        if name in module.lora_A:
            # what peft's own merging adds: scaling times the product of the two matrices
            weight = weight + module.get_delta_weight(name).float()
    return weight
