"""Rows that are one function of the listed position, bit by bit, in several tasks: made from ranks, not by a model."""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["IN_POSITION_ORDER", "position_rows"]

IN_POSITION_ORDER = 2
"""Default of the largest number of tasks with such a row that is let pass."""

_SURE = math.log(1e9)
"""Exchangeable scores are in the order of the list in k tasks with probability (1/N!)^k; this much of -log has to be reached."""

_ENDS = 5
"""Values at the top, or at the bottom, that two rows of unlike lengths have to share: 1/(60 + rank), or N - rank."""

_KeyOf = tuple[str, int, bytes]


def position_rows(rows: Rows, kept: BoolArray | None = None, max_rows: int = IN_POSITION_ORDER) -> IntArray:
    """The tasks whose scores fall, or rise, strictly over the listed positions, by values that other such tasks have too.

    More than `max_rows` tasks have to have the same values, bit by bit: all of them in lists of one length, else the
    highest or the lowest five. Where any other task has these values in another order, they are ranks that a reranker
    gives to what it ranks, and the order of the list may be its own; such values do not count. Nor do rows so few and
    so short that they are in this order by chance.

    Args:
        rows: the scores, finite.
        kept: (U,) tasks that may count as made; None for all.
        max_rows: as many tasks with the same values are let pass.

    Returns:
        (n,) int64 task numbers, ascending.
    """
    chosen = np.ones(len(rows), dtype=np.bool_) if kept is None else kept
    found: set[int] = set()
    for falling in (True, False):
        in_order = _monotone(rows, falling)
        ordered = np.flatnonzero(in_order & chosen)
        if len(ordered) > max_rows:
            found |= _made(rows, ordered, np.flatnonzero(~in_order), max_rows)
    return np.array(sorted(found), dtype=np.int64)


def _monotone(rows: Rows, falling: bool) -> BoolArray:
    """(U,) lists of two and more whose scores are strictly monotone over the positions."""
    result = np.zeros(len(rows), dtype=np.bool_)
    for tasks, matrix in rows.matrices():
        steps = np.diff(matrix, axis=1)
        if matrix.shape[1] > 1:
            result[tasks] = ((steps < 0.0) if falling else (steps > 0.0)).all(axis=1)
    return result


def _made(rows: Rows, ordered: IntArray, others: IntArray, max_rows: int) -> set[int]:
    """Of the tasks in order, those that share their values with more than `max_rows`, and with no other task."""
    groups: dict[_KeyOf, list[int]] = {}
    for task in ordered.tolist():
        for key in _keys(np.sort(rows.row(task))):
            groups.setdefault(key, []).append(task)
    large = {key: tasks for key, tasks in groups.items() if _is_proof(rows, tasks, max_rows)}
    if not large:
        return set()
    ranks = {key for task in others.tolist() for key in _keys(np.sort(rows.row(task))) if key in large}
    return {task for key, tasks in large.items() if key not in ranks for task in tasks}


def _is_proof(rows: Rows, tasks: list[int], max_rows: int) -> bool:
    return len(tasks) > max_rows and sum(math.lgamma(len(rows.row(task)) + 1) for task in tasks) >= _SURE


def _keys(ascending: FloatArray) -> list[_KeyOf]:
    keys = [("all", len(ascending), ascending.tobytes())]
    if len(ascending) >= _ENDS:
        keys += [("top", _ENDS, ascending[-_ENDS:].tobytes()), ("bottom", _ENDS, ascending[:_ENDS].tobytes())]
    return keys
