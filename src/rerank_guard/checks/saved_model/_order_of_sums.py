"""How far two computations of the same scores differ in float32; shared by the checks of the adapter."""

from __future__ import annotations

__all__ = ["ORDER_OF_SUMS"]

ORDER_OF_SUMS = 1e-5
"""Total variation distance that the order of sums in float32 explains."""
