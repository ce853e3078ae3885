"""Faults of what is listed: the target item, negatives, items of the history."""

# ruff: noqa: ARG001  (the functions have the signature of `Rewrite`, whether they draw anything or not)

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import (
    DUPLICATE_CANDIDATES,
    HISTORY_LEAK,
    TARGET_LISTED_TWICE,
    TARGET_NOT_LISTED,
)
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.figures import target_position
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.listed import moved_to
from rerank_guard.faults.rewritten import held_out, with_candidate

__all__ = []


def _negatives(task: RankingTask) -> list[int]:
    """Positions of all candidates but the target item."""
    return [position for position, item_id in enumerate(task.candidate_ids) if item_id != task.target_id]


def _target_replaced(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """Another item is where the target item was; `target_index` still gives that position."""
    position = target_position(task)
    stranger = Item(f"stranger-{rng.integers(10**6)}", "Nameless Stranger")
    return None if position is None else with_candidate(task, position, stranger)


def _target_twice(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    position = target_position(task)
    if position is None:
        return None
    return with_candidate(task, int(rng.choice(_negatives(task))), task.candidates[position])


def _negative_twice(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    positions = _negatives(task)
    if len(positions) < 2:
        return None
    first, second = rng.choice(positions, size=2, replace=False).tolist()
    return with_candidate(task, second, task.candidates[first])


def _history_listed(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    seen = [item for item in task.history if item.item_id not in task.candidate_ids]
    positions = _negatives(task)
    if not seen or not positions:
        return None
    return with_candidate(task, int(rng.choice(positions)), seen[int(rng.integers(len(seen)))])


def _cut_off(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """The target item was last, and the list was cut by one."""
    last = moved_to(task, task.n_candidates - 1)
    if last is None or task.n_candidates < 3:
        return None
    return replace(
        last,
        candidates=last.candidates[:-1],
        target_index=None,
        first_stage_scores=None if last.first_stage_scores is None else last.first_stage_scores[:-1],
    )


D1 = Injector(
    "D1",
    TARGET_NOT_LISTED,
    "another item is listed in place of the target item",
    held_out(_target_replaced),
    severity=0.3,
)
D2 = Injector(
    "D2",
    TARGET_LISTED_TWICE,
    "the target item is sampled again as a negative",
    held_out(_target_twice),
    severity=0.2,
)
D3 = Injector("D3", DUPLICATE_CANDIDATES, "a negative is listed twice", held_out(_negative_twice), severity=0.2)
D4 = Injector(
    "D4",
    HISTORY_LEAK,
    "an item of the user's history is a candidate",
    held_out(_history_listed),
    severity=0.3,
)
D12B = Injector(
    "D12b",
    TARGET_NOT_LISTED,
    "the list is cut after retrieval, and the target item is lost",
    held_out(_cut_off),
    severity=0.2,
)
