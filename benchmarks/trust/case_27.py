"""Lists that come again under other query ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent, status
from benchmarks.trust.world import cross_encoder, tasks

from rerank_guard.core.verdict import Status


def _repeated(lists: int, times: int, n: int, draw: int = 0, *, skewed: bool = False) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        place = (lambda rng, of: int(rng.integers(of // 3))) if skewed else None
        made = tasks(lists, n, seed + draw, position=place)
        judged = [replace(task, query_id=f"{task.query_id}-{time}") for task in made for time in range(times)]
        return Asked(cross_encoder(judged))

    return build


def _few_places(seed: int) -> Asked:
    """40 lists, uniform by construction: each position twice."""
    order = iter(np.random.default_rng(seed).permutation(np.repeat(np.arange(20), 2)).tolist())
    made = tasks(40, 20, seed, position=lambda rng, n: next(order))
    return Asked(
        cross_encoder([replace(task, query_id=f"{task.query_id}-{time}") for task in made for time in range(10)])
    )


_EVEN = status(
    "target_positions_uniform",
    Status.PASSED,
    Status.INCONCLUSIVE,
    never=("target-position-skew", "rows-misaligned"),
)

CASES = (
    *(
        Case(
            27,
            f"80 lists under five query ids each, draw {draw}",
            _repeated(80, 5, 20, draw),
            _EVEN,
            sibling=False,
            fast=draw == 0,
        )
        for draw in (0, 31, 62, 93)
    ),
    Case(27, "healthy: 60 lists three times, N=10", _repeated(60, 3, 10, 5), _EVEN),
    Case(27, "healthy: 25 lists twenty times, N=50", _repeated(25, 20, 50, 6), _EVEN),
    Case(
        27, "healthy: 40 lists ten times, each position twice", _few_places, silent(never=("target-position-skew",))
    ),
    Case(
        27,
        "200 lists twice, all targets in the first third",
        _repeated(200, 2, 20, skewed=True),
        fault("target-position-skew"),
    ),
)
