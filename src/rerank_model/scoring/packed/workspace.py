"""Buffers that forward passes reuse, one after the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Workspace"]


class Workspace:
    """Named buffers of one device and dtype, grown when something larger comes.

    A new tensor of some megabytes is new memory from the operating system, whose pages are mapped one by one; on two
    cores that took as long as the matrix products. For one thread at a time.

    Args:
        device: where.
        dtype: of every buffer.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        """An uninitialised tensor of this shape; the earlier one of the same name is overwritten."""
        needed = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < needed:
            buffer = self._buffers[name] = torch.empty(needed, dtype=self.dtype, device=self.device)
        return buffer[:needed].view(shape)
