"""The metrics of many users at once, beside ranx and pytrec_eval; those of `make stats`, at fewer users."""

from __future__ import annotations

from typing import Any

from benchmarks.statistics import metrics_speed

__all__ = ["measure"]

USERS = 50_000


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section."""
    return metrics_speed.measure(USERS, seed)
