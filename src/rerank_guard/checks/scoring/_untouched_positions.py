"""The last positions of the lists, ranked last and as they were listed for nearly all users: the model did not rank them."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from rerank_guard.checks.comparing.ragged_rows import Rows, has_nan
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["untouched_from"]

_LEAST_BEFORE = 3
"""Positions before the untouched ones that show how varied a ranking is."""
_MOST_ALIKE = 0.9
"""Above this share of neighbours before them that all users rank alike, a ranking goes by the position everywhere."""
_LEVEL = 1e-9


def untouched_from(rows: Rows, most: float) -> IntArray:
    """The tasks in which the positions from one on are ranked last, as listed; none where that is not so for nearly all.

    The null hypothesis is a ranking that prefers positions: neighbours in the list are then in one order for a share q of
    the users, the larger of both orders, and the last m positions untouched for at most about q^m of them, q taken from the
    positions before. An exact binomial test, shared among the first positions that are tried. A model with a preference
    so strong that q is above nine of ten is not judged. Nor is a boundary that is not sharp: where an answer names a few
    candidates and leaves the others as they were listed, the last one named is at another position for each user, so that
    hardly any two lists are untouched from the same position on.

    Args:
        rows: the scores.
        most: the share of the tasks with these positions in which they have to be untouched.
    """
    lengths = rows.lengths
    longest = int(lengths.max(initial=0))
    # how many of the last positions are untouched, and the order of each pair of neighbours; level ones are in none
    last = np.zeros(len(rows), dtype=np.int64)
    falls = np.zeros((longest, longest + 1))  # by position of the pair, and N
    rises = np.zeros((longest, longest + 1))
    for tasks, matrix in rows.matrices():
        n = matrix.shape[1]
        last[tasks] = _last_untouched(matrix)
        falls[: n - 1, n] += (matrix[:, :-1] > matrix[:, 1:]).sum(axis=0)
        rises[: n - 1, n] += (matrix[:, :-1] < matrix[:, 1:]).sum(axis=0)
    usable = ~has_nan(rows)
    for first in range(_LEAST_BEFORE, longest - 1):
        concerned = usable & (lengths >= first + 2)
        untouched = concerned & (last >= lengths - first)
        count, n = int(untouched.sum()), int(concerned.sum())
        is_sharp = 2 * int((untouched & (last == lengths - first)).sum()) >= count
        if n == 0 or count < most * n or not is_sharp:
            continue
        up, down = (each[: first - 1, first + 2 :].sum(axis=1) for each in (rises, falls))
        alike = float((np.maximum(up, down) / np.maximum(1.0, up + down)).mean())
        least = int((lengths[concerned] - first).min())
        p = float(binom.sf(count - 1, n, alike**least)) * longest
        if alike <= _MOST_ALIKE and p <= _LEVEL:
            return np.flatnonzero(untouched)
    return np.zeros(0, dtype=np.int64)


def _last_untouched(matrix: FloatArray) -> IntArray:
    """(r,) the largest m for which the last m positions have the lowest m ranks, in the order of the list."""
    ends = np.maximum.accumulate(matrix[:, ::-1], axis=1)[:, ::-1]  # the largest from a position on
    falling: BoolArray = np.ones(matrix.shape, dtype=np.bool_)  # whether all from a position on fall strictly
    falling[:, :-1] = np.logical_and.accumulate((matrix[:, :-1] > matrix[:, 1:])[:, ::-1], axis=1)[:, ::-1]
    before = np.full(matrix.shape, np.inf)
    before[:, 1:] = np.minimum.accumulate(matrix, axis=1)[:, :-1]  # the smallest before a position
    untouched = falling & (before > ends)
    n = matrix.shape[1]
    return np.where(untouched.any(axis=1), n - np.argmax(untouched, axis=1), 0)
