"""One value a candidate, ragged or as one matrix, read in blocks of users small enough for the processor's cache.

A matrix of float32 or float64 is never copied as a whole: a block is a view of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import BoolArray, IntArray
from rerank_guard.metrics.rows import CandidateValues, as_row, as_score_matrix, not_finite

__all__ = ["ValueReader", "block_ranges"]

_BLOCK_BYTES = 2**19
"""Half a mebibyte: a block and the flags made from it fit a usual second-level cache of 1 MiB together."""


class ValueReader:
    """Reads candidate values block by block, as a matrix padded on the right, and refuses what is not finite."""

    def __init__(
        self,
        values: CandidateValues,
        *,
        n_candidates: IntArray | None = None,
        what: str = "scores",
        padding: float = -np.inf,
    ) -> None:
        """Take the values without reading them.

        Args:
            values: one value a candidate, of any real dtype.
            n_candidates: (U,) N that the values must have; None takes each row's own length.
            what: what the values are called in error messages.
            padding: what fills the row on the right of a user with fewer candidates than the block's widest.

        Raises:
            InvalidScoresError: another number of rows than users, or a matrix of another width than N.
        """
        self._what = what
        self._padding = padding
        self._matrix: NDArray[Any] | None = None
        self._rows: CandidateValues = ()
        if isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "biuf":
            self._matrix = values
            self.n_candidates = np.full(len(values), values.shape[1], dtype=np.int64)
            if n_candidates is not None and not np.array_equal(n_candidates, self.n_candidates):
                self._require_rows(len(n_candidates))
                row = int(np.flatnonzero(n_candidates != self.n_candidates)[0])
                raise InvalidScoresError(
                    f"{what} of user row {row} has shape {values[row].shape} for {n_candidates[row]} candidates; "
                    f"give shape ({n_candidates[row]},), one value a candidate, in the order of the list."
                )
        else:
            self._rows = values
            if n_candidates is None:
                self.n_candidates = np.array([np.size(row) for row in values], dtype=np.int64)
            else:
                self._require_rows(len(n_candidates))
                self.n_candidates = n_candidates

    def _require_rows(self, n_users: int) -> None:
        n_rows = len(self._rows) if self._matrix is None else len(self._matrix)
        if n_rows != n_users:
            raise InvalidScoresError(
                f"{self._what} has {n_rows} rows for {n_users} users; give one array a user, in task order."
            )

    @property
    def n_users(self) -> int:
        """U."""
        return len(self.n_candidates)

    @property
    def width(self) -> int:
        """The largest number of candidates; 0 without users."""
        return int(self.n_candidates.max(initial=0))

    @property
    def block_users(self) -> int:
        """How many users a block holds."""
        itemsize = 8 if self._matrix is None else self._matrix.dtype.itemsize
        return max(1, _BLOCK_BYTES // (max(1, self.width) * itemsize))

    def block(self, start: int, stop: int) -> NDArray[np.floating[Any]]:
        """The values of users start to stop - 1, (stop - start, width), C-contiguous float32 or float64.

        Raises:
            InvalidScoresError: values that are not real, not finite, or not of the users' lengths; the message
                counts the bad values among all users.
        """
        if self._matrix is not None:
            block = self._matrix[start:stop]
            if block.dtype not in (np.float32, np.float64):
                block = block.astype(np.float64)
            block = np.ascontiguousarray(block)
            if not _all_finite(block):
                raise not_finite(self._matrix, ~np.isfinite(self._matrix), self._what)
            return block
        lengths = self.n_candidates[start:stop]
        rows = [
            _as_floats(self._rows[index], int(length), index, self._what)
            for index, length in zip(range(start, stop), lengths, strict=True)
        ]
        flat = np.concatenate(rows) if rows else np.zeros(0)
        if not _all_finite(flat):
            as_score_matrix(self._rows, self.n_candidates.tolist(), what=self._what)  # raises, counting all users
        width = self.width
        if bool((lengths == width).all()):
            return flat.reshape(len(rows), width)
        block = np.full((len(rows), width), self._padding, dtype=flat.dtype)
        block[_filled(lengths, width)] = flat
        return block


def block_ranges(n_users: int, block_users: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of consecutive blocks that cover all users."""
    for start in range(0, n_users, block_users):
        yield start, min(start + block_users, n_users)


def _as_floats(row: Any, length: int, index: int, what: str) -> NDArray[np.floating[Any]]:
    if isinstance(row, np.ndarray) and row.shape == (length,) and row.dtype in (np.float32, np.float64):
        return row
    return as_row(row, length, index, what)


def _filled(lengths: IntArray, width: int) -> BoolArray:
    return np.asarray(np.arange(width) < lengths[:, None])


def _all_finite(values: NDArray[np.floating[Any]]) -> bool:
    # minimum and maximum pass a NaN on, and an infinity is one of them: two fast reductions, and no flags to store
    return values.size == 0 or bool(np.isfinite(values.min()) and np.isfinite(values.max()))
