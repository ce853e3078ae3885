"""Users of one group whose ranking is spoiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.faults.quality import SOME_USERS_RANKED_BADLY
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.workbench import Workbench

__all__ = []


def _reversed_where_long(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
    sizes = [sum(len(item.text) for item in (*task.history, *task.candidates)) for task in tasks]
    limit = float(np.quantile(sizes, 0.75)) if sizes else 0.0
    return [row if size <= limit else -row for row, size in zip(rows, sizes, strict=True)]


def _long_inputs_spoiled(workbench: Workbench) -> Verdict:
    return workbench.judged("recall_uniform_over_users", rescored(workbench.healthy, _reversed_where_long))


LONG_INPUTS_SPOILED = Example(
    SOME_USERS_RANKED_BADLY,
    "recall_uniform_over_users",
    "the quarter of the users with the longest inputs is ranked in reverse",
    _long_inputs_spoiled,
)
