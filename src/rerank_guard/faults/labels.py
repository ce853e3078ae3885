"""Faults of the label: where the target item is, and which candidate is called the target item."""

# ruff: noqa: ARG001  (the functions have the signature of `Rewrite`, whether they draw anything or not)

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import LABEL_OFFSET, TARGET_POSITION_SKEW
from rerank_guard.core.target import KnowsTrainingTasks
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.figures import target_position
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.listed import moved_to
from rerank_guard.faults.rewritten import held_out, in_training

__all__ = ["index_shifted", "target_first"]

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def target_first(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """The target item at the first position."""
    return moved_to(task, 0)


def index_shifted(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """`target_index` one position after the one it gave."""
    if task.target_index is None:
        return None
    return replace(task, target_index=(task.target_index + 1) % task.n_candidates)


def _target_last(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    return moved_to(task, task.n_candidates - 1)


def _target_early(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    if target_position(task) is None:
        return None
    return moved_to(task, int(rng.integers(max(1, task.n_candidates // 2))))


def _target_shifted(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """Index and id agree, and both name the candidate after the one that was taken."""
    position = target_position(task)
    if position is None:
        return None
    after = (position + 1) % task.n_candidates
    return replace(task, target_id=task.candidate_ids[after], target_index=after)


D5A = Injector(
    "D5a", TARGET_POSITION_SKEW, "the target item is always first", held_out(target_first), degrees=_SHARES
)
D5B = Injector(
    "D5b", TARGET_POSITION_SKEW, "the target item is always last", held_out(_target_last), degrees=_SHARES
)
D5C = Injector(
    "D5c",
    TARGET_POSITION_SKEW,
    "the target item is in the first half of the list",
    held_out(_target_early),
    degrees=_SHARES,
)
D5D = Injector(
    "D5d",
    TARGET_POSITION_SKEW,
    "in training the target item is always first",
    in_training(target_first),
    needs=(KnowsTrainingTasks,),
    degrees=_SHARES,
)
D11A = Injector(
    "D11a",
    LABEL_OFFSET,
    "target_index is one position after that of target_id",
    held_out(index_shifted),
    degrees=_SHARES,
)
D11B = Injector(
    "D11b",
    LABEL_OFFSET,
    "the candidate after the one taken is called the target item, by index and id",
    held_out(_target_shifted),
    degrees=_SHARES,
)
