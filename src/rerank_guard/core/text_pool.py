"""Many texts in one array of bytes: some 8 bytes a text beyond its characters, where a `str` takes 57."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.ragged import Ragged, read_only
from rerank_guard.core.types import IntArray

__all__ = ["TextBuffer", "TextPool"]

_LENIENT = "surrogatepass"  # lone surrogates come back as they were
_BLOCK = 2**14


class TextPool(Sequence[str]):
    """A sequence of texts, stored as UTF-8.

    Attributes:
        encoded: one row of bytes a text.
    """

    __slots__ = ("encoded",)

    def __init__(self, encoded: Ragged[np.uint8]) -> None:
        self.encoded = encoded

    @classmethod
    def from_texts(cls, texts: Iterable[str], what: str = "texts") -> TextPool:
        """The texts in their order.

        Args:
            texts: read once.
            what: what they are called in the error message.

        Raises:
            InvalidTaskError: an entry that is not a str.
        """
        buffer = TextBuffer()
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise InvalidTaskError(
                    f"{what}[{place}] is {text!r:.80} of type {type(text).__name__}; give every entry as str."
                )
            buffer.append(text)
        return buffer.pool()

    def __len__(self) -> int:
        return len(self.encoded)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> TextPool: ...
    def __getitem__(self, index: int | slice) -> str | TextPool:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return TextPool(self.encoded.span(start, max(start, stop)))
            return self.take(np.arange(start, stop, step, dtype=np.int64))
        place = operator.index(index)
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return str(self.encoded.row(place).data, "utf-8", _LENIENT)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            part = self.encoded.span(start, min(start + _BLOCK, len(self)))
            data, ends = part.values.tobytes(), part.offsets.tolist()
            for begin, end in pairwise(ends):
                yield data[begin:end].decode("utf-8", _LENIENT)

    def take(self, rows: IntArray) -> TextPool:
        """The texts of these numbers (from 0), in this order, copied."""
        return TextPool(self.encoded.take(rows))

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.encoded.nbytes


class TextBuffer:
    """Collects texts for a `TextPool` without holding them as `str`."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str) -> None:
        """Add one text."""
        self._data += text.encode("utf-8", _LENIENT)
        self._ends.append(len(self._data))

    def pool(self) -> TextPool:
        """What was collected, without a copy; the buffer takes no more texts afterwards."""
        data = np.frombuffer(self._data, dtype=np.uint8) if self._data else np.zeros(0, dtype=np.uint8)
        return TextPool(Ragged(read_only(data), read_only(np.frombuffer(self._ends, dtype=np.int64))))
