"""Rotary position embedding and the norms of queries and keys, in few passes over memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rerank_model.scoring.packed.weights import Norm
from rerank_model.scoring.packed.workspace import Workspace

__all__ = ["Rotation", "inverse_rms", "rotate", "rotation_of"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """Cosine and signed sine of each token's position, both (T, 1, head_dim)."""

    cos: Tensor
    sin: Tensor

    def of(self, norm: Norm | None, factor: float) -> Rotation:
        """With a norm's weight (head_dim,) and a factor multiplied in, for states that have not been weighted yet.

        rotate(w * x) = x * (w * cos) + swapped(x) * (swapped(w) * sin), so the weight can be part of the tables.
        """
        if norm is None:
            return self if factor == 1.0 else Rotation(self.cos * factor, self.sin * factor)
        weight = norm.weight * factor
        return Rotation(self.cos * weight, self.sin * weight.roll(len(weight) // 2))

    def at(self, rows: Tensor) -> Rotation:
        """Of some tokens alone."""
        return Rotation(self.cos[rows], self.sin[rows])


def rotation_of(rotary: nn.Module, positions: Tensor, dtype: torch.dtype) -> Rotation:
    """From a model's own rotary embedding (its frequencies, scaling and all), for positions (T,)."""
    module: Any = rotary
    like = torch.empty(1, 1, 1, dtype=torch.float32, device=positions.device)
    cos, sin = (table[0, :, None] for table in module(like, positions[None]))
    half = sin.shape[-1] // 2
    signed = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
    return Rotation(cos.to(dtype), signed.to(dtype))


def rotate(
    states: Tensor, rotation: Rotation, norm: Norm | None, workspace: Workspace, name: str, factor: float = 1.0
) -> Tensor:
    """Norm, rotate and scale states (T, heads, head_dim).

    In halves (Su et al. 2021, in the layout of Llama and Qwen).

    Args:
        states: of the T tokens that `rotation` is of.
        rotation: see `rotation_of`.
        norm: over each head before, or None.
        workspace: of the thread.
        name: of the buffer that the result lies in.
        factor: multiplied in.
    """
    tokens, heads, size = states.shape
    half = size // 2
    tables = rotation.of(norm, factor)
    swapped = workspace("swapped", tokens, heads, size)
    torch.cat((states[..., half:], states[..., :half]), dim=-1, out=swapped)
    rotated = torch.mul(states, tables.cos, out=workspace(name, tokens, heads, size))
    rotated.addcmul_(swapped, tables.sin)
    return rotated if norm is None else rotated.mul_(inverse_rms(states, norm.eps))


def inverse_rms(states: Tensor, eps: float) -> Tensor:
    """1 / sqrt(mean(x^2) + eps) over the last dimension, which is kept; computed in float32 at least.

    RMSNorm (Zhang and Sennrich 2019) without its weight.
    """
    wide = torch.promote_types(states.dtype, torch.float32)
    norm = torch.linalg.vector_norm(states, dim=-1, keepdim=True, dtype=wide)
    inverse: Tensor = norm.square_().div_(states.shape[-1]).add_(eps).rsqrt_().to(states.dtype)
    return inverse
