"""Rows of scores of different lengths as one flat array, and figures of one value a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.ragged import Ragged, offsets_of
from rerank_guard.core.types import BoolArray, FloatArray

__all__ = [
    "Rows",
    "every",
    "has_nan",
    "ragged",
    "row_max",
    "row_min",
    "row_range",
    "row_sum",
    "split",
    "spread_out",
]

Rows = Ragged[np.float64]
"""U rows of N_u >= 1 values each."""


def ragged(rows: Sequence[FloatArray]) -> Rows:
    """Rows (N_u,) with N_u >= 1 as one flat float64 array."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    values = np.concatenate(rows) if len(rows) else np.zeros(0)
    return Ragged(np.asarray(values, dtype=np.float64), offsets_of(lengths))


def split(rows: Rows) -> list[FloatArray]:
    """The rows one by one, as views."""
    return [rows.values[start:end] for start, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]


def row_sum(rows: Ragged[Any]) -> NDArray[Any]:
    """(U,) the sum of each row; of booleans, how many are true. NaN where the row holds a NaN."""
    values = rows.values.astype(np.int64) if rows.values.dtype == np.bool_ else rows.values
    with np.errstate(invalid="ignore"):  # inf - inf is no number, and is meant to be none
        return np.asarray(np.add.reduceat(values, rows.offsets[:-1]))


def row_max(rows: Rows) -> FloatArray:
    """(U,) the largest value of each row; NaN where the row holds a NaN."""
    return np.asarray(np.maximum.reduceat(rows.values, rows.offsets[:-1]))


def row_min(rows: Rows) -> FloatArray:
    """(U,) the smallest value of each row; NaN where the row holds a NaN."""
    return np.asarray(np.minimum.reduceat(rows.values, rows.offsets[:-1]))


def row_range(rows: Rows) -> FloatArray:
    """(U,) the largest value of each row less the smallest."""
    with np.errstate(invalid="ignore"):
        return np.asarray(row_max(rows) - row_min(rows))


def every(rows: Ragged[np.bool_]) -> BoolArray:
    """(U,) whether all values of a row are true."""
    return np.asarray(np.logical_and.reduceat(rows.values, rows.offsets[:-1]))


def has_nan(rows: Rows) -> BoolArray:
    """(U,) whether a row holds a NaN."""
    return np.asarray(np.isnan(row_max(rows)))


def spread_out(figures: NDArray[Any], rows: Ragged[Any]) -> NDArray[Any]:
    """(V,) the figure (U,) of its row for each value."""
    return np.repeat(figures, rows.lengths)
