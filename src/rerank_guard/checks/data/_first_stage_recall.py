"""How many target items a first stage lists, where missing ones are its misses and no fault of the candidate lists."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray
from rerank_guard.core.verdict import Measured

__all__ = ["first_stage_recall", "honest_misses", "lists_a_first_stage"]

_LEVEL = 0.99


def lists_a_first_stage(table: TaskTable) -> bool:
    """Whether all tasks state the scores of a first stage, so that the candidates are what it retrieved."""
    return table.first_stage_scores is not None and bool(table.first_stage_scores.given.all())


def honest_misses(table: TaskTable) -> BoolArray:
    """(T,) bool, the tasks that say themselves that their target item is not listed, and whose candidates were retrieved.

    Retrieved are those with first-stage scores, or of a task whose relevance was judged apart from its candidates
    (`RankingTask.relevance`). A sampled list promises its target item, and so does a stated `target_index`.
    """
    retrieved = np.zeros(len(table), dtype=np.bool_)
    if table.first_stage_scores is not None:
        retrieved |= table.first_stage_scores.given
    if table.relevance is not None:
        retrieved |= table.relevance.ids.lengths > 0
    return np.asarray(retrieved & (table.target_position == -1))


def first_stage_recall(listed: int, n: int) -> dict[str, Measured]:
    """Share of n target items that are listed, with its exact 99 % interval.

    Source of the interval: Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of
    the binomial".
    """
    tail = (1.0 - _LEVEL) / 2.0
    return {
        "first_stage_recall": listed / max(1, n),
        "first_stage_recall_at_least": 0.0 if listed == 0 else float(beta.ppf(tail, listed, n - listed + 1)),
        "first_stage_recall_at_most": 1.0 if listed == n else float(beta.ppf(1.0 - tail, listed + 1, n - listed)),
    }
