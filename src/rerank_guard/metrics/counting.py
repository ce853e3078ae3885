"""How many candidates are above a given score, and how many share it, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["RowCounter", "count_true_bytewise", "count_true_plain"]

_WORD = 8  # bytes in a machine word
_MOST_BYTEWISE = 255
_ONES = np.uint64(0x0101010101010101)
_TOP_BYTE = np.uint64(56)


class RowCounter:
    """Counts, for each row of a block, the scores above and level with one given score of the row.

    Holds the flags of one comparison, so that a block's flags are written and counted in cache. Not for use by
    several threads at once.
    """

    def __init__(self, rows: int, width: int) -> None:
        """Set up for blocks of at most `rows` rows and exactly `width` columns."""
        self._width = width
        self._flags = np.zeros(
            (rows, -(-max(1, width) // _WORD) * _WORD), dtype=np.bool_
        )  # the padding stays False

    def above_and_tied(
        self, block: NDArray[np.floating[Any]], score: NDArray[np.floating[Any]], above: IntArray, tied: IntArray
    ) -> None:
        """Count into `above` and `tied`.

        Args:
            block: (B, width) scores; padding of -inf counts nowhere, as `score` is finite.
            score: (B,) one score a row, of the block's dtype.
            above: (B,) int64, written: how many scores of the row are greater.
            tied: (B,) int64, written: how many are equal.
        """
        flags = self._flags[: len(block)]
        for comparison, out in ((np.greater, above), (np.equal, tied)):
            comparison(block, score[:, None], out=flags[:, : self._width])
            if self._width <= _MOST_BYTEWISE:
                count_true_bytewise(flags, out)
            else:
                count_true_plain(flags, out)


def count_true_plain(flags: BoolArray, out: IntArray) -> None:
    """Number of True in each row of (B, W) flags, into (B,) int64."""
    out[:] = np.count_nonzero(flags, axis=1)


def count_true_bytewise(flags: BoolArray, out: IntArray) -> None:
    """The same, eight flags at a time, for at most 255 True a row.

    A flag is a byte of 0 or 1, so a row is W / 8 words of eight counters each. Adding the words adds the counters
    without a carry as long as none passes 255. Multiplying by 0x0101010101010101 then puts the sum of the eight
    counters into the topmost byte, from where a shift fetches it; it must not pass 255 either.

    Args:
        flags: (B, W) bool, C-contiguous, W a multiple of 8, at most 255 True a row.
        out: (B,) int64, C-contiguous, written.
    """
    words = flags.view(np.uint64)
    total = out.view(np.uint64)
    total[:] = words[:, 0]
    for column in range(1, words.shape[1]):
        np.add(total, words[:, column], out=total)
    np.multiply(total, _ONES, out=total)
    np.right_shift(total, _TOP_BYTE, out=total)
