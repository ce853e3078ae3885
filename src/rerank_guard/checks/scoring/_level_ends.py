"""Rows of scores whose lowest or highest candidates share one value, as scores that were filled in do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.probability_rows import are_probability_rows
from rerank_guard.checks.comparing.ragged_rows import Rows, has_nan, row_max
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = [
    "RULES",
    "EndRules",
    "LevelEnds",
    "constant_heads",
    "constant_tails",
    "level_ends",
    "some_deep_tails",
]


@dataclass(frozen=True, slots=True)
class EndRules:
    """From when on an end of a list counts as made; the settings of `no_order_fallback`.

    Attributes:
        long: candidates from which on a level or ordered end is long.
        most: share of the tasks that has to show what is said of all.
        min_tasks: fewest tasks with a level end.
        far_below: how far a deep tail is below the others, as a multiple of how far these are apart.
        shortest: candidates from which on an ordered end in equal gaps counts.
        least_kept: fewest candidates above appended ones; fewer may have been moved to the front on purpose.
    """

    long: int = 6
    most: float = 0.9
    min_tasks: int = 10
    far_below: float = 1.0
    shortest: int = 4
    least_kept: int = 4


RULES = EndRules()
"""The rules unless others are asked for."""


@dataclass(frozen=True, slots=True)
class LevelEnds:
    """Of U rows.

    Attributes:
        n: (U,) int64, N; 0 where the row holds a NaN, so that nothing is said of it.
        lowest, highest: (U,) int64, how many candidates have the lowest and the highest score.
        above_differ, below_differ: (U,) bool, whether all candidates but the lowest, or but the highest, differ in score.
        deep: (U,) bool, whether the lowest are further below the others than these are apart.
        below_negative: (U,) bool, whether all candidates but the highest have a negative score.
        logs: (U,) bool, whether the row is one of probabilities, or all negative, as log-probabilities are.
    """

    n: IntArray
    lowest: IntArray
    highest: IntArray
    above_differ: BoolArray
    below_differ: BoolArray
    deep: BoolArray
    below_negative: BoolArray
    logs: BoolArray


def level_ends(rows: Rows, rules: EndRules = RULES) -> LevelEnds:
    """How the rows begin and end, in the order of the scores."""
    n_rows = len(rows)
    lowest, highest, level_pairs = (np.zeros(n_rows, dtype=np.int64) for _ in range(3))
    deep, below_negative = (np.zeros(n_rows, dtype=np.bool_) for _ in range(2))
    for tasks, matrix in rows.matrices():
        ordered = np.sort(matrix, axis=1)
        low, high = (ordered == ordered[:, :1]).sum(axis=1), (ordered == ordered[:, -1:]).sum(axis=1)
        lowest[tasks], highest[tasks] = low, high
        level_pairs[tasks] = (ordered[:, 1:] == ordered[:, :-1]).sum(axis=1)
        deep[tasks] = _is_deep(ordered, low, rules.far_below)
        below_negative[tasks] = _below(ordered, high) < 0.0
    return LevelEnds(
        n=np.where(has_nan(rows), 0, rows.lengths),
        lowest=lowest,
        highest=highest,
        above_differ=level_pairs == lowest - 1,
        below_differ=level_pairs == highest - 1,
        deep=deep,
        below_negative=below_negative,
        logs=are_probability_rows(rows) | (row_max(rows) < 0.0),
    )


def constant_tails(ends: LevelEnds, rules: EndRules = RULES) -> IntArray:
    """The tasks with a constant tail, if these are most and it looks made; else none."""
    others = ends.n - ends.lowest
    tails = np.flatnonzero((ends.n >= rules.long) & (ends.lowest >= 2) & (others >= 2) & ends.above_differ)
    if not _are_most(tails, ends, rules):
        return tails[:0]
    cut = _have_one_count(others[tails], rules) and bool(ends.logs[tails].all())
    return tails if cut or float(ends.deep[tails].mean()) >= rules.most else tails[:0]


def some_deep_tails(ends: LevelEnds, rules: EndRules = RULES) -> IntArray:
    """The tasks whose long constant tail is far below the rest, where the others' lowest are not level; else none."""
    level = (ends.n >= rules.long + 2) & (ends.lowest >= 2) & (ends.n - ends.lowest >= 2)
    found = np.flatnonzero(level & (ends.lowest >= rules.long) & ends.deep)
    n_level = int(level.sum()) - len(found)
    few_level = n_level <= (1.0 - rules.most) * (len(ends.n) - len(found))
    return found if len(found) >= rules.min_tasks and few_level else found[:0]


def constant_heads(ends: LevelEnds, rules: EndRules = RULES) -> IntArray:
    """The tasks with one value above log-probabilities that all differ, if these are most; else none."""
    others = ends.n - ends.highest
    level = (ends.n >= rules.long) & (ends.highest >= 2) & (others >= 2)
    heads = np.flatnonzero(level & ends.below_differ & ends.below_negative)
    return heads if _are_most(heads, ends, rules) and _have_one_count(others[heads], rules) else heads[:0]


def _are_most(tasks: IntArray, ends: LevelEnds, rules: EndRules) -> bool:
    return len(tasks) >= max(1, rules.min_tasks, rules.most * len(ends.n))


def _have_one_count(counts: IntArray, rules: EndRules) -> bool:
    """Whether most have the same count: a cut at the top 30, say."""
    return int(np.bincount(counts).max()) >= rules.most * len(counts)


def _is_deep(ordered: FloatArray, lowest: IntArray, far_below: float) -> BoolArray:
    """(r,) whether the second lowest value is further above the lowest one than so often the others' range."""
    rows = np.arange(len(ordered))
    second = ordered[rows, np.minimum(lowest, ordered.shape[1] - 1)]
    with np.errstate(invalid="ignore"):  # infinite scores
        return np.asarray(second - ordered[:, 0] > far_below * (ordered[:, -1] - second))


def _below(ordered: FloatArray, highest: IntArray) -> FloatArray:
    """(r,) the largest score below the highest one; the lowest score where there is none."""
    return np.asarray(ordered[np.arange(len(ordered)), np.maximum(ordered.shape[1] - highest - 1, 0)])
