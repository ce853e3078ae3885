"""Which precisions a device computes natively."""

from __future__ import annotations

import torch

from rerank_model.errors import BackendError

__all__ = ["has_native_bfloat16", "pick_dtype", "require_native"]

_CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
"""The two of x86, and that of ARM."""


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(flag) for flag in _CPU_FLAGS)
    return False


def pick_dtype(device: torch.device) -> torch.dtype:
    """Of weights: bfloat16 on a GPU that computes it natively, float32 elsewhere."""
    return torch.bfloat16 if device.type == "cuda" and has_native_bfloat16(device) else torch.float32


def require_native(dtype: torch.dtype | None, device: torch.device) -> torch.dtype | None:
    """Refuse a precision that would be slower than float32 and less exact.

    Raises:
        BackendError: bfloat16 on a device that only emulates it, or another dtype than float32 and bfloat16.
    """
    if dtype not in (None, torch.float32, torch.bfloat16):
        raise BackendError(
            f"scoring_dtype is {dtype}; give torch.float32, torch.bfloat16, or None for the weights' own."
        )
    if dtype == torch.bfloat16 and not has_native_bfloat16(device):
        raise BackendError(
            f"scoring_dtype is bfloat16, which this {device.type} only emulates, slower than float32; leave it out."
        )
    return dtype
