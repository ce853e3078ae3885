"""Timing in turn: each round runs every piece of work once, so that a change of the machine's speed affects all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

__all__ = ["ratio", "time_in_turn"]


def time_in_turn(works: Mapping[str, Callable[[], object]], rounds: int, title: str) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round; the first round is not kept, it fills caches.

    Every other round runs in the opposite order.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    with tqdm(total=(rounds + 1) * len(works), desc=title, leave=False) as bar:
        for number in range(rounds + 1):
            for name in names if number % 2 else reversed(names):
                gc.collect()
                started = time.perf_counter()
                works[name]()
                taken = time.perf_counter() - started
                if number:
                    seconds[name].append(taken)
                bar.update()
    return seconds


def ratio(slow: Sequence[float], fast: Sequence[float]) -> dict[str, Any]:
    """How many times as long: the median over rounds of the quotient within a round, and its least and greatest."""
    quotients = np.array(slow) / np.array(fast)
    return {
        "median": round(float(np.median(quotients)), 3),
        "least": round(float(quotients.min()), 3),
        "greatest": round(float(quotients.max()), 3),
    }
