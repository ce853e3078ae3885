"""torch's CUDA kernel for sequences of different lengths, where it is available."""

from __future__ import annotations

import inspect
from functools import cache

import torch
from torch import Tensor

from rerank_model.scoring.packed.segments import Segments

__all__ = ["attend_varlen", "has_varlen"]

_NEEDED = {"scale", "window_size", "enable_gqa"}
_OLDEST_CARD = (8, 0)  # flash attention's


@cache
def has_varlen(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this torch has the kernel, and this card runs it in this dtype."""
    if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return False
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return False
    known = set(inspect.signature(varlen_attn).parameters)
    return known >= _NEEDED and torch.cuda.get_device_capability(device) >= _OLDEST_CARD


def attend_varlen(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, *, last_only: bool = False
) -> Tensor:
    """Causal attention within each prompt; `last_only` where there is one query a prompt, its last token's.

    Args:
        query: (T, heads, head_dim), or (P, heads, head_dim) of the last tokens; scaled already.
        key: (T, key_value_heads, head_dim).
        value: as `key`.
        segments: the prompts, on the same device.
        last_only: see above.

    Returns:
        (rows of query, heads * head_dim).
    """
    from torch.nn.attention.varlen import varlen_attn

    one_each = torch.arange(len(segments) + 1, dtype=torch.int32, device=query.device) if last_only else None
    attended = varlen_attn(
        query,
        key,
        value,
        segments.ends if one_each is None else one_each,
        segments.ends,
        1 if last_only else segments.longest,
        segments.longest,
        scale=1.0,
        # A last token sees its whole prompt, whatever position the kernel assumes for it.
        window_size=(-1, -1) if last_only else (-1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    assert isinstance(attended, Tensor)  # a pair only where more was asked for
    return attended.flatten(1)
