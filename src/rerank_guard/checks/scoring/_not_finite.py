"""What to do about scores that are no finite numbers."""

from __future__ import annotations

__all__ = ["NOT_FINITE_FIX"]

NOT_FINITE_FIX = "Score these tasks alone and in float32; check the weights for NaN and the padding mask."
