"""Counts within each row: how many values are below, level with and above one of them, and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import IntArray

__all__ = ["RowStanding", "row_standing", "times_in_row"]


@dataclass(frozen=True, slots=True, eq=False)
class RowStanding:
    """How the value at one position of each row compares with the other values of the row.

    Attributes:
        below: (R,) int64, values that are smaller.
        tied: (R,) int64, other values that are equal.
        above: (R,) int64, values that are greater.
    """

    below: IntArray
    tied: IntArray
    above: IntArray


def row_standing(rows: Ragged[Any], position: IntArray, value_of: NDArray[Any] | None = None) -> RowStanding:
    """Compare the value at `position` with the others of its row.

    Scores of candidates give the target item's standing (its rank is 1 + above, without ties); item codes with a
    feature of each item as `value_of` tell whether the target item is extreme in it.

    Args:
        rows: numbers without NaN, of any lengths.
        position: (R,) 0-based position in each row; -1 leaves the row out, and its counts are 0.
        value_of: what to compare in place of a value v: value_of[v].
    """
    below, tied, above = np.zeros((3, len(rows)), dtype=np.int64)
    for at, codes in rows.matrices():
        kept = position[at] >= 0
        if not bool(kept.any()):
            continue
        at, matrix = at[kept], codes[kept]
        if value_of is not None:
            matrix = value_of[matrix]
        own = np.take_along_axis(matrix, position[at][:, None], axis=1)
        below[at] = np.count_nonzero(matrix < own, axis=1)
        above[at] = np.count_nonzero(matrix > own, axis=1)
        tied[at] = matrix.shape[1] - 1 - below[at] - above[at]
    return RowStanding(below, tied, above)


def times_in_row(rows: Ragged[np.int32], code_of: NDArray[np.integer[Any]] | None = None) -> Ragged[np.int32]:
    """How often each value occurs in its row, itself included; rows as given.

    Args:
        rows: of any lengths.
        code_of: what to count in place of a value v: code_of[v], such as the code of its text.
    """
    times = np.empty(len(rows.values), dtype=np.int32)
    for at, values in rows.matrices():
        n = values.shape[1]
        if n == 0:
            continue
        matrix = values if code_of is None else code_of[values]
        order = np.argsort(matrix, axis=1)
        ordered = np.take_along_axis(matrix, order, axis=1)
        begins = np.ones(ordered.shape, dtype=np.bool_)
        begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        first = np.flatnonzero(begins)  # every row begins anew
        of_run = np.diff(first, append=begins.size)
        found = np.empty(ordered.shape, dtype=np.int32)
        np.put_along_axis(found, order, np.repeat(of_run, of_run).reshape(ordered.shape).astype(np.int32), axis=1)
        times[rows.offsets[at][:, None] + np.arange(n)] = found
    return Ragged(times, rows.offsets)
