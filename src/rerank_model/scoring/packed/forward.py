"""The packed forward pass: from a batch to the letter logits of each of its prompts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rerank_model.scoring.packed.attention import attend, attend_last
from rerank_model.scoring.packed.batches import Batch
from rerank_model.scoring.packed.rotary import Rotation, inverse_rms, rotate, rotation_of
from rerank_model.scoring.packed.weights import DecoderWeights, LayerWeights, Linear, Norm
from rerank_model.scoring.packed.workspace import Workspace

__all__ = ["letter_logits"]


def letter_logits(weights: DecoderWeights, batch: Batch, workspace: Workspace) -> Tensor:
    """Logits of all A letters behind each prompt, float32 (P, A).

    Args:
        weights: see `read_weights`.
        batch: on the weights' device.
        workspace: of the weights' device and dtype, and of this thread.
    """
    # In float32 where it says so, whatever the caller has switched on: bfloat16 logits would tie by rounding.
    with torch.inference_mode(), torch.autocast(weights.device.type, enabled=False):
        return _letter_logits(weights, batch, workspace)


def _letter_logits(weights: DecoderWeights, batch: Batch, workspace: Workspace) -> Tensor:
    hidden = functional.embedding(batch.input_ids, weights.embedding).to(weights.dtype)
    rotation = rotation_of(weights.rotary, batch.positions, weights.dtype)
    *layers, last = weights.layers
    for layer in layers:
        hidden.addmm_(_attention(hidden, layer, weights, batch, rotation, workspace), layer.output.matrix)
        _add_bias(hidden, layer.output)
        _mlp(hidden, layer, workspace)
    hidden = _last_layer(hidden, last, weights, batch, rotation, workspace).float()
    normed = hidden * inverse_rms(hidden, weights.final_norm.eps) * weights.final_norm.weight
    return _product(normed, weights.letters)


def _attention(
    hidden: Tensor,
    layer: LayerWeights,
    weights: DecoderWeights,
    batch: Batch,
    rotation: Rotation,
    workspace: Workspace,
) -> Tensor:
    normed = _normed(hidden, layer.before_attention, workspace)
    query = _queries(normed, layer, weights, rotation, workspace)
    key, value = _keys_and_values(normed, layer, weights, rotation, workspace)
    return attend(query, key, value, batch.segments, workspace)


def _last_layer(
    hidden: Tensor,
    layer: LayerWeights,
    weights: DecoderWeights,
    batch: Batch,
    rotation: Rotation,
    workspace: Workspace,
) -> Tensor:
    """Keys and values everywhere, all else for each prompt's last token: (P, H)."""
    normed = _normed(hidden, layer.before_attention, workspace)
    key, value = _keys_and_values(normed, layer, weights, rotation, workspace)
    last = batch.segments.last_tokens
    query = _queries(normed[last], layer, weights, rotation.at(last), workspace)
    own = hidden[last].addmm_(attend_last(query, key, value, batch.segments), layer.output.matrix)
    _add_bias(own, layer.output)
    _mlp(own, layer, workspace)
    return own


def _queries(
    normed: Tensor, layer: LayerWeights, weights: DecoderWeights, rotation: Rotation, workspace: Workspace
) -> Tensor:
    """Rotated and scaled, (rows, heads, head_dim)."""
    query = _product(normed, layer.query, workspace("query", len(normed), layer.query.matrix.shape[1]))
    states = query.view(len(normed), weights.heads, weights.head_dim)
    return rotate(states, rotation, layer.query_norm, workspace, "rotated query", factor=layer.scaling)


def _keys_and_values(
    normed: Tensor, layer: LayerWeights, weights: DecoderWeights, rotation: Rotation, workspace: Workspace
) -> tuple[Tensor, Tensor]:
    """Both (T, key_value_heads, head_dim), keys rotated."""
    width = layer.key.matrix.shape[1]
    shape = len(normed), weights.key_value_heads, weights.head_dim
    key = _product(normed, layer.key, workspace("key", len(normed), width)).view(shape)
    value = _product(normed, layer.value, workspace("value", len(normed), width)).view(shape)
    return rotate(key, rotation, layer.key_norm, workspace, "rotated key"), value


def _mlp(hidden: Tensor, layer: LayerWeights, workspace: Workspace) -> None:
    """Added to the hidden states in place."""
    normed = _normed(hidden, layer.before_mlp, workspace)
    width = layer.gate.matrix.shape[1]
    gate = _product(normed, layer.gate, workspace("gate", len(normed), width))
    up = _product(normed, layer.up, workspace("up", len(normed), width))
    functional.silu(gate, inplace=True).mul_(up)
    hidden.addmm_(gate, layer.down.matrix)
    _add_bias(hidden, layer.down)


def _normed(hidden: Tensor, norm: Norm, workspace: Workspace) -> Tensor:
    normed = torch.mul(hidden, inverse_rms(hidden, norm.eps), out=workspace("normed", *hidden.shape))
    return normed.mul_(norm.weight)


def _product(states: Tensor, linear: Linear, out: Tensor | None = None) -> Tensor:
    if linear.bias is None:
        return torch.mm(states, linear.matrix, out=out)
    return torch.addmm(linear.bias, states, linear.matrix, out=out)


def _add_bias(hidden: Tensor, linear: Linear) -> None:
    if linear.bias is not None:
        hidden.add_(linear.bias)
