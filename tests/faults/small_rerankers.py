"""The smallest thing that is a reranker: its tasks, and scores that know nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guard.builders import random_tasks
from rerank_guard.core.types import FloatArray, RankingTask

__all__ = ["Minimal"]


class Minimal:
    """Only what `RerankTarget` requires; users without a history, scores at chance."""

    def __init__(self) -> None:
        self.name = "minimal"
        self._tasks = random_tasks(np.random.default_rng(0), [6] * 40)

    def tasks(self) -> Sequence[RankingTask]:
        return self._tasks

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return [
            np.random.default_rng([7, *task.query_id.encode()]).normal(size=task.n_candidates) for task in tasks
        ]
