"""What the minimal reranker is made of: tasks, and scores that depend on a task's content alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b

import numpy as np
from scipy.special import ndtri

from rerank_guard.core.types import FloatArray, Item, RankingTask

__all__ = ["N_CANDIDATES", "N_TASKS", "make_scores", "make_tasks"]

N_CANDIDATES = 20
N_TASKS = 400


def make_tasks(n_tasks: int = N_TASKS, n_candidates: int = N_CANDIDATES, seed: int = 7) -> list[RankingTask]:
    """Tasks whose target items are at uniform positions."""
    rng = np.random.default_rng(seed)
    items = [Item(f"i{number}", f"Film {number:03d}") for number in range(200)]
    tasks = []
    for user in range(n_tasks):
        chosen = rng.choice(len(items), size=n_candidates + 2, replace=False)
        candidates = tuple(items[index] for index in chosen[2:])
        position = int(rng.integers(n_candidates))
        tasks.append(
            RankingTask(
                query_id=f"u{user}",
                history=tuple(items[index] for index in chosen[:2]),
                candidates=candidates,
                target_id=candidates[position].item_id,
                target_index=position,
            )
        )
    return tasks


def make_scores(tasks: Sequence[RankingTask], lift: float = 2.0, seed: int = 3) -> list[FloatArray]:
    """Standard normal scores by history and item, the target item's raised by `lift`: far above chance, below perfect."""
    rows = []
    for task in tasks:
        history = tuple(item.item_id for item in task.history)
        row = np.array([_noise(history, item_id, seed) for item_id in task.candidate_ids])
        if task.target_id in task.candidate_ids:
            row[task.candidate_ids.index(task.target_id)] += lift
        rows.append(row)
    return rows


@cache
def _noise(history: tuple[str, ...], item_id: str, seed: int) -> float:
    """Standard normal by what it is about, not by when it is drawn: a rescored task, alone or reordered, keeps it."""
    digest = blake2b(repr((seed, history, item_id)).encode(), digest_size=8).digest()
    return float(ndtri((int.from_bytes(digest) + 0.5) / 2.0**64))
