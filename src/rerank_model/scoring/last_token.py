"""The decoder's last hidden state at one position of each prompt, with the last layer computed for that position alone.

Letter scoring reads one position. The last layer's keys and values are needed everywhere, but its queries, its output
projection and its MLP only there; in a model of few layers that is a large part of the work, and in training the same
part of the backward pass. Possible where the layers have the shape that Llama's and Qwen's share; any other model takes
the plain path, and `choose_path` says which.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rerank_model.scoring.packed.known_shape import unknown_shape

__all__ = ["LastToken", "choose_path", "plain_last_hidden", "trimmed_last_hidden"]


class LastToken(Protocol):
    """From a decoder, `input_ids` (B, L) right-padded and positions (B,) to hidden states (B, H) after the last norm."""

    def __call__(self, decoder: nn.Module, input_ids: Tensor, position: Tensor) -> Tensor:
        """Run the decoder."""
        ...


def choose_path(decoder: nn.Module) -> LastToken:
    """`trimmed_last_hidden` where the decoder's shape is known, else `plain_last_hidden`."""
    return trimmed_last_hidden if unknown_shape(decoder) is None else plain_last_hidden


def plain_last_hidden(decoder: nn.Module, input_ids: Tensor, position: Tensor) -> Tensor:
    """The reference: the whole forward pass, then one row of it."""
    hidden: Tensor = decoder(input_ids=input_ids, use_cache=False).last_hidden_state
    return hidden[torch.arange(len(position), device=hidden.device), position]


def trimmed_last_hidden(decoder: nn.Module, input_ids: Tensor, position: Tensor) -> Tensor:
    """The same to rounding; see the module's text."""
    model: Any = decoder
    hidden = model.embed_tokens(input_ids)
    positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
    rotation = model.rotary_emb(hidden, positions)
    *layers, last = model.layers
    for layer in layers:
        # no mask: causal attention over right-padded prompts lets no real token see padding
        hidden = layer(hidden, attention_mask=None, position_ids=positions, position_embeddings=rotation)
    rows = torch.arange(len(position), device=hidden.device)
    own = hidden[rows, position]
    attended = _attend(last.self_attn, last.input_layernorm(hidden), rotation, rows, position)
    own = own + attended
    return model.norm(own + last.mlp(last.post_attention_layernorm(own)))  # type: ignore[no-any-return]


def _attend(
    attention: Any, hidden: Tensor, rotation: tuple[Tensor, Tensor], rows: Tensor, position: Tensor
) -> Tensor:
    """Attention of one query a prompt over all tokens up to it, (B, H)."""
    batch, length, _ = hidden.shape
    size = attention.head_dim
    query = attention.q_proj(hidden[rows, position]).view(batch, 1, -1, size)
    key = attention.k_proj(hidden).view(batch, length, -1, size)
    value = attention.v_proj(hidden).view(batch, length, -1, size).transpose(1, 2)
    query = getattr(attention, "q_norm", _unchanged)(query).transpose(1, 2)
    key = getattr(attention, "k_norm", _unchanged)(key).transpose(1, 2)
    cos, sin = rotation
    key = _rotate(key, cos[:, None], sin[:, None])
    query = _rotate(query, cos[0, position][:, None, None], sin[0, position][:, None, None])
    visible = torch.arange(length, device=hidden.device) <= position[:, None]
    out = nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=visible[:, None, None], scale=attention.scaling, enable_gqa=True
    )
    return attention.o_proj(out.transpose(1, 2).reshape(batch, -1))  # type: ignore[no-any-return]


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding in halves (Su et al. 2021, in the layout of Llama and Qwen)."""
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat((-second, first), dim=-1) * sin


def _unchanged(states: Tensor) -> Tensor:
    return states
