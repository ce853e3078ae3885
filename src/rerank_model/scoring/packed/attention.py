"""Causal attention within each prompt of a packed batch: none of them sees a token of another.

On CUDA torch's kernel for sequences of different lengths does it in one call. On the CPU each prompt is computed in
blocks of queries, each against the keys up to its end: torch's own CPU kernel computes all keys of up to 512 for each
query and discards half.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from rerank_model.scoring.packed.segments import Segments
from rerank_model.scoring.packed.varlen import attend_varlen, has_varlen
from rerank_model.scoring.packed.workspace import Workspace

__all__ = ["QUERIES", "attend", "attend_last", "attend_one_by_one"]

QUERIES = 128
"""Tokens in a block: fewer compute less that is discarded, more let the matrix products be larger."""


def attend(query: Tensor, key: Tensor, value: Tensor, segments: Segments, workspace: Workspace) -> Tensor:
    """Attention of every token over its own prompt up to itself.

    Args:
        query: (T, heads, head_dim), scaled already.
        key: (T, key_value_heads, head_dim).
        value: as `key`.
        segments: the prompts.
        workspace: of the thread.

    Returns:
        (T, heads * head_dim).
    """
    if query.device.type == "cpu":
        return _in_blocks(query, key, value, segments, workspace)
    if has_varlen(query.device, query.dtype):
        return attend_varlen(query, key, value, segments)
    return attend_one_by_one(query, key, value, segments)


def attend_last(query: Tensor, key: Tensor, value: Tensor, segments: Segments) -> Tensor:
    """Attention of each prompt's last token over the whole prompt.

    Args:
        query: (P, heads, head_dim), scaled already, one a prompt.
        key: (T, key_value_heads, head_dim).
        value: as `key`.
        segments: the prompts.

    Returns:
        (P, heads * head_dim).
    """
    prompts, heads, size = query.shape
    if has_varlen(query.device, query.dtype):
        return attend_varlen(query, key, value, segments, last_only=True)
    groups = key.shape[1]
    grouped = query.view(prompts, groups, heads // groups, size)
    attended = torch.empty_like(grouped)
    for row, (begin, end) in enumerate(segments.bounds):
        scores = torch.matmul(grouped[row], key[begin:end].permute(1, 2, 0))
        torch.matmul(torch.softmax(scores, dim=-1), value[begin:end].transpose(0, 1), out=attended[row])
    return attended.view(prompts, heads * size)


def _in_blocks(query: Tensor, key: Tensor, value: Tensor, segments: Segments, workspace: Workspace) -> Tensor:
    tokens, heads, size = query.shape
    groups = key.shape[1]
    shared = heads // groups  # query heads that share a key head; their rows become one matrix
    # Head by head, so that a block of them is a matrix without a copy.
    queries = workspace("queries", groups, tokens, shared, size)
    queries.copy_(query.view(tokens, groups, shared, size).transpose(0, 1))
    keys = workspace("keys", groups, tokens, size).copy_(key.transpose(0, 1))
    values = workspace("values", groups, tokens, size).copy_(value.transpose(0, 1))
    attended = workspace("attended", groups, tokens, shared, size)
    block = min(QUERIES, segments.longest)
    later = torch.full((block, block), -torch.inf, dtype=query.dtype).triu(1).repeat_interleave(shared, dim=0)
    for begin, end in segments.bounds:
        for start in range(begin, end, QUERIES):
            stop = min(start + QUERIES, end)
            rows, seen = (stop - start) * shared, stop - begin
            scores = workspace("scores", groups, rows, seen)
            torch.bmm(
                queries[:, start:stop].view(groups, rows, size), keys[:, begin:stop].transpose(1, 2), out=scores
            )
            scores[:, :, start - begin :] += later[:rows, : stop - start]
            weights = torch.softmax(scores, dim=-1, out=workspace("weights", groups, rows, seen))
            torch.bmm(weights, values[:, begin:stop], out=attended[:, start:stop].view(groups, rows, size))
    out = workspace("out", tokens, groups, shared, size).copy_(attended.transpose(0, 1))
    return out.view(tokens, heads * size)


def attend_one_by_one(query: Tensor, key: Tensor, value: Tensor, segments: Segments) -> Tensor:
    """As `attend`, by torch's plain kernel for each prompt: for devices and dtypes that have nothing better."""
    parts = []
    for begin, end in segments.bounds:
        q, k, v = (states[begin:end].transpose(0, 1)[None] for states in (query, key, value))
        attended = scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0, enable_gqa=True)
        parts.append(attended[0].transpose(0, 1).flatten(1))
    return torch.cat(parts)
