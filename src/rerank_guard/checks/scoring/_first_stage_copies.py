"""Scores that are the first stage's own, to the last bit: these candidates were not ranked again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["Copies", "copies_of_first_stage", "first_stage_rows"]

_FEW = 3
"""Tasks from which on equal scores are no coincidence."""
_LEAST = 1
"""Equal scores a task, not counting the first stage's lowest and highest: two scales to [0, 1] share these."""
_COARSE = 0.1
"""Above this share of the other scores that recur among themselves, an equal one may be a coincidence."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Where the scores are the first stage's own.

    Attributes:
        tasks: those with such scores beside others, or, where others have their own scores, with such scores alone.
        is_first_stage: whether nearly all tasks have such scores alone: what is judged is the first stage itself.
    """

    tasks: IntArray
    is_first_stage: bool


def first_stage_rows(table: TaskTable) -> Rows | None:
    """The first stage's scores, NaN for a task that states none; None where no task states any."""
    column = table.first_stage_scores
    return None if column is None else Ragged(np.asarray(column.values, dtype=np.float64), table.candidates.offsets)


def copies_of_first_stage(rows: Rows, first_stage: Rows, most: float) -> Copies:
    """The tasks in which candidates have the first stage's score in place of one of their own.

    Two floats of two sources are equal by coincidence only where scores are coarse (grades, counts, saturated
    probabilities); then the other scores recur as well, and nothing is said.

    Args:
        rows: the scores.
        first_stage: the first stage's, in rows of the same lengths.
        most: share of the tasks that makes nearly all.
    """
    none = np.zeros(0, dtype=np.int64)
    equal = (rows.values == first_stage.values) | (rows.values == first_stage.values.astype(np.float32))
    starts = rows.offsets[:-1]
    n_equal = np.add.reduceat(equal.astype(np.int64), starts)
    lowest, highest = (
        np.minimum.reduceat(first_stage.values, starts),
        np.maximum.reduceat(first_stage.values, starts),
    )
    inside = (first_stage.values > np.repeat(lowest, rows.lengths)) & (
        first_stage.values < np.repeat(highest, rows.lengths)
    )
    inner = np.add.reduceat((equal & inside).astype(np.int64), starts)
    is_whole = (n_equal == rows.lengths) & (highest > lowest)
    if float(is_whole.mean()) >= most:
        return Copies(none, True)
    found = np.flatnonzero(inner >= _LEAST)
    if len(found) < _FEW or _recurs(rows, equal):
        return Copies(none, False)
    return Copies(found, False)


def _recurs(rows: Rows, equal: BoolArray) -> bool:
    """Whether the scores that are not the first stage's recur among themselves."""
    others = rows.values[~equal]
    _, counts = np.unique(others, return_counts=True)
    return len(others) == 0 or float(counts[counts > 1].sum()) > _COARSE * len(others)
