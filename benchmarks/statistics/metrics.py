"""All metrics of a million users; see `metrics_speed`."""

from __future__ import annotations

from typing import Any

from benchmarks.statistics import metrics_speed

__all__ = ["measure"]

USERS = 1_000_000


def measure(seed: int) -> dict[str, Any]:
    return metrics_speed.measure(USERS, seed)
