"""What the packaged suite consists of, for a reranker that is judged at K=5: derived from the records."""

from __future__ import annotations

import fake_targets

from rerank_guard.core.given import Cost
from rerank_guard.suite.planned import plan_checks
from rerank_guard.suite.selection import chosen

__all__ = [
    "CHECKS",
    "ITEMS",
    "MINIMAL_CHECKS",
    "NOT_APPLICABLE",
    "PASSING",
    "SKIPPED",
    "STATIC_CHECKS",
    "STATIC_NOT_APPLICABLE",
    "TRAINED_CHECKS",
    "position_of",
]

PLANNED = chosen(plan_checks((5,)), (), ())

STATIC_CHECKS = [planned.name for planned in PLANNED if planned.cost is Cost.STATIC]
"""Need no training job; one that fails stops it."""

STATIC_NOT_APPLICABLE = ["training_follows_time"]
"""Of these, one needs users that are in both splits."""

TRAINED_CHECKS = [planned.name for planned in PLANNED if planned.cost is not Cost.STATIC]

CHECKS = [planned.name for planned in PLANNED]
"""All of them, in the order in which they are judged."""

NOT_APPLICABLE = [check for check in CHECKS if check in ("recall_ceiling_of_targets", "training_follows_time")]
"""The healthy reranker has the methods for them, but each of its tasks has one relevant item, and its users are either trained on
or tested."""

PASSING = [check for check in CHECKS if check not in NOT_APPLICABLE]
"""What the healthy reranker passes."""

SKIPPED = len(NOT_APPLICABLE) + 1
"""Items of a run of the healthy reranker that are skipped: these, and the one that times with --rerank-benchmark."""

MINIMAL_CHECKS = [
    planned.name
    for planned in PLANNED
    if not planned.missing(fake_targets.minimal()) and planned.family != "recall_uniform_over_users"
]
"""What a reranker passes that meets `RerankTarget` and no more; the others do not apply to it, one since all users are alike."""

ITEMS = [*(f"rerank::{check}" for check in CHECKS), "rerank::score_throughput"]


def position_of(check: str) -> int:
    return CHECKS.index(check)
