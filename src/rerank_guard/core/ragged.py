"""Rows of different lengths in one flat array: compressed sparse rows (CSR)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.types import IntArray

__all__ = ["BLOCK_VALUES", "Ragged", "ScalarT_co", "offsets_of", "read_only", "row_blocks", "stacked"]

ScalarT_co = TypeVar("ScalarT_co", bound=np.generic, covariant=True)

_Block: TypeAlias = tuple[int, int]

BLOCK_VALUES = 2**18
"""Values that a blockwise pass handles at once: 2 MiB of int64, so that temporaries stay small and in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Ragged(Generic[ScalarT_co]):
    """R rows of values; row r is `values[offsets[r]:offsets[r + 1]]`.

    Attributes:
        values: (V,) the rows one after the other.
        offsets: (R + 1,) int64, from 0 to V, not decreasing.
    """

    values: NDArray[ScalarT_co]
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> IntArray:
        """(R,) int64, the number of values of each row."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return int(self.values.nbytes + self.offsets.nbytes)

    def row(self, index: int) -> NDArray[ScalarT_co]:
        """Row `index` (from 0) as a view."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def span(self, start: int, stop: int) -> Ragged[ScalarT_co]:
        """Rows start to stop - 1; the values are a view."""
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def take(self, rows: IntArray) -> Ragged[ScalarT_co]:
        """The rows of these numbers (from 0), in this order, copied."""
        starts, lengths = self.offsets[:-1][rows], self.lengths[rows]
        offsets = offsets_of(lengths)
        values = np.empty(offsets[-1], dtype=self.values.dtype)
        for start, stop in row_blocks(offsets):
            # the k-th value of the block comes from k, moved by how far its row was moved
            shift = np.repeat(starts[start:stop] - offsets[start:stop], lengths[start:stop])
            values[offsets[start] : offsets[stop]] = self.values[
                shift + np.arange(offsets[start], offsets[stop], dtype=np.int64)
            ]
        return Ragged(values, offsets)

    def row_of_value(self) -> IntArray:
        """(V,) int64, the row of each value."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def position_of_value(self) -> IntArray:
        """(V,) int64, the 0-based position of each value in its row."""
        return np.arange(len(self.values), dtype=np.int64) - np.repeat(self.offsets[:-1], self.lengths)

    def matrices(self, block_values: int = BLOCK_VALUES) -> Iterator[tuple[IntArray, NDArray[ScalarT_co]]]:
        """The rows grouped by their length, shortest first, as matrices of bounded size.

        Args:
            block_values: most values of a matrix of more than one row.

        Yields:
            (r,) int64 row numbers, ascending, and (r, N) their values; a view where neighbouring rows have one length.
        """
        lengths = self.lengths
        # uint16 sorts by counting; nearly all lists are that short
        narrow = lengths.astype(np.uint16) if int(lengths.max(initial=0)) < 2**16 else lengths
        order = np.argsort(narrow, kind="stable")
        different, first = np.unique(narrow[order], return_index=True)
        for n, begin, end in zip(different.tolist(), first, [*first[1:], len(order)], strict=False):
            group, step = order[begin:end], max(1, block_values // max(1, n))
            for start in range(0, len(group), step):
                rows = group[start : start + step]
                if rows[-1] - rows[0] == len(rows) - 1:
                    yield (
                        rows,
                        self.values[self.offsets[rows[0]] : self.offsets[rows[-1] + 1]].reshape(len(rows), n),
                    )
                else:
                    yield rows, self.values[self.offsets[rows][:, None] + np.arange(n)]


def offsets_of(lengths: IntArray) -> IntArray:
    """(R + 1,) int64 offsets of rows of these lengths."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def stacked(first: Ragged[ScalarT_co], second: Ragged[ScalarT_co]) -> Ragged[ScalarT_co]:
    """The rows of both, one after the other, copied."""
    offsets = np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]])
    return Ragged(np.concatenate([first.values, second.values]), offsets)


def read_only(array: NDArray[ScalarT_co]) -> NDArray[ScalarT_co]:
    """A view that cannot be written to; the array itself stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def row_blocks(offsets: IntArray, block_values: int = BLOCK_VALUES) -> Iterator[_Block]:
    """(start, stop) of consecutive rows that hold at most `block_values` values together, at least one row each."""
    start, n_rows = 0, len(offsets) - 1
    while start < n_rows:
        stop = int(np.searchsorted(offsets, offsets[start] + block_values, side="right")) - 1
        stop = min(max(stop, start + 1), n_rows)
        yield start, stop
        start = stop
