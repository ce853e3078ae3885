"""Several targets a user: the standing of every relevant candidate, in blocks of users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics.blocks import ValueReader, block_ranges
from rerank_guard.metrics.counting import RowCounter
from rerank_guard.metrics.relevant import RelevantStanding
from rerank_guard.metrics.rows import CandidateValues

__all__ = ["count_by_comparing", "count_by_sorting", "standing_blocks"]

_MOST_COMPARED = 12
"""Comparing costs a pass over the scores for each relevant candidate; with more of them one sort is cheaper."""


def standing_blocks(
    scores: CandidateValues, relevance: CandidateValues
) -> Iterator[tuple[slice, RelevantStanding]]:
    """Each block of users with the standing of their relevant candidates.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        relevance: of the same shapes; boolean, or grades of which those above 0 are relevant.

    Raises:
        InvalidScoresError: malformed or non-finite scores or relevance.
        InvalidTaskError: a negative grade.
    """
    score_reader = ValueReader(scores)
    grade_reader = ValueReader(relevance, n_candidates=score_reader.n_candidates, what="relevant", padding=0.0)
    size = min(score_reader.block_users, max(1, score_reader.n_users))
    counter = RowCounter(size, score_reader.width)
    for start, stop in block_ranges(score_reader.n_users, size):
        block, grades = score_reader.block(start, stop), grade_reader.block(start, stop)
        if bool((grades < 0).any()):
            row, position = (int(index) for index in np.argwhere(grades < 0)[0])
            raise InvalidTaskError(
                f"relevant of user row {start + row} is {grades[row, position]:g} at position {position}; a grade is 0 for a "
                "candidate that is not relevant, and above 0 for one that is."
            )
        rows, columns, places, width = _relevant_positions(grades)
        count = count_by_comparing if width <= _MOST_COMPARED else count_by_sorting
        grade = np.zeros((len(block), width))
        grade[rows, places] = grades[rows, columns]
        above = np.zeros(grade.shape, dtype=np.int64)
        tied = np.zeros(grade.shape, dtype=np.int64)
        if count is count_by_comparing:
            positions = np.zeros(grade.shape, dtype=np.int64)
            positions[rows, places] = columns
            for place in range(width):
                above[:, place], tied[:, place] = count_by_comparing(block, positions[:, place], counter)
        else:
            all_above, all_tied = count_by_sorting(block)
            above[rows, places], tied[rows, places] = all_above[rows, columns], all_tied[rows, columns]
        yield slice(start, stop), RelevantStanding.from_unsorted(above, tied, grade)


def count_by_comparing(
    block: NDArray[np.floating[Any]], position: IntArray, counter: RowCounter
) -> tuple[IntArray, IntArray]:
    """Candidates above and level with the one at `position` (B,), each (B,) int64."""
    above, tied = np.empty(len(block), dtype=np.int64), np.empty(len(block), dtype=np.int64)
    counter.above_and_tied(block, block[np.arange(len(block)), position], above, tied)
    return above, tied


def count_by_sorting(block: NDArray[np.floating[Any]]) -> tuple[IntArray, IntArray]:
    """Candidates above and level with each, (B, W) int64; padding of -inf comes last."""
    width = block.shape[1]
    order = np.argsort(-block, axis=1)
    ranked = np.take_along_axis(block, order, axis=1)
    index = np.arange(width)
    starts = np.ones(block.shape, dtype=np.bool_)
    starts[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    ends = np.ones_like(starts)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, index, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, index, width)[:, ::-1], axis=1)[:, ::-1]
    above, tied = np.empty(block.shape, dtype=np.int64), np.empty(block.shape, dtype=np.int64)
    np.put_along_axis(above, order, first, axis=1)
    np.put_along_axis(tied, order, last - first + 1, axis=1)
    return above, tied


def _relevant_positions(grades: FloatArray | NDArray[Any]) -> tuple[IntArray, IntArray, IntArray, int]:
    """Row, position, and place among those of its row, of every relevant candidate; and the largest number in a row."""
    rows, columns = np.nonzero(grades)
    number = np.bincount(rows, minlength=len(grades))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(number) - number, number)
    return rows, columns, places, int(number.max(initial=0))
