"""Refusal of a setting that is out of its range."""

from __future__ import annotations

from rerank_guard.core.errors import RerankGuardError

__all__ = ["require_between"]


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a setting outside [low, high]; NaN is outside.

    Raises:
        RerankGuardError: with the setting's name, its value and the range.
    """
    if not low <= value <= high:
        raise RerankGuardError(f"{name}={value!r} is out of range; give a number from {low:g} to {high:g}.")
