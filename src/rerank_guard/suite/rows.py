"""What a target gives as scores, as rows of float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import FloatArray

__all__ = ["as_float_rows"]


def as_float_rows(rows: object, what: str, method: str) -> list[FloatArray]:
    """Rows of numbers as float64 arrays; nothing is filled in or cut.

    Args:
        rows: what the target gave.
        what: names the values in messages, such as "scores".
        method: names where they came from, such as "score()".

    Raises:
        InvalidScoresError: `rows` is no sequence, or a row holds something that is not a number.
    """
    try:
        entries = list(rows)  # type: ignore[call-overload]
    except TypeError as error:
        raise InvalidScoresError(
            f"{method} gave {rows!r:.200} of type {type(rows).__name__} as {what}; return one array (N,) a task."
        ) from error
    return [_float_row(entry, index, what, method) for index, entry in enumerate(entries)]


def _float_row(entry: object, index: int, what: str, method: str) -> FloatArray:
    fix = f"{method} has to return one float64 array (N,) a task"
    if isinstance(entry, Iterator):
        entry = list(entry)
    try:
        if _is_masked(entry):
            raise ValueError("some of them are masked, and a mask is no score")
        row = np.asarray(entry)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # ragged rows; tensors of another device or with gradient
        raise InvalidScoresError(
            f"the {what} of task {index} cannot be read as numbers ({error}); {fix}."
        ) from error
    if row.dtype.kind not in "fiub":
        raise InvalidScoresError(f"the {what} of task {index} are {entry!r:.200} (dtype {row.dtype}); {fix}.")
    return row.astype(np.float64)


def _is_masked(entry: object) -> bool:
    """Whether numpy would drop a mask: of a masked array with something masked, or of a list that holds `np.ma.masked`."""
    if isinstance(entry, np.ma.MaskedArray):
        return bool(np.ma.getmaskarray(entry).any())
    return isinstance(entry, list | tuple) and any(value is np.ma.masked for value in entry)
