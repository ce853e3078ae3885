"""The learning rate below which nothing is trained; shared by the checks of the plan and of the traces."""

from __future__ import annotations

__all__ = ["NEGLIGIBLE_LEARNING_RATE"]

NEGLIGIBLE_LEARNING_RATE = 1e-7
"""A learning rate at or below this moves nothing that training can use."""
