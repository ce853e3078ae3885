"""How a text looks, whatever it says: its surface features, and how the target item ranks among the others by each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from rerank_guard.core.item_pool import Int32Array
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["FEATURES", "Standing"]


@cache
def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


@cache
def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf")


_COUNTED: dict[str, Callable[[str], float]] = {
    "length in characters": len,
    "number of words": lambda text: len(text.split()),
    "number of digits": lambda text: sum(map(str.isdigit, text)),
    "share of upper case": lambda text: sum(map(str.isupper, text)) / max(1, len(text)),
    "amount of punctuation": lambda text: sum(map(_is_punctuation, text)),
    "share of non-ASCII characters": lambda text: (len(text) - sum(map(str.isascii, text))) / max(1, len(text)),
    "white space around the text": lambda text: len(text) - len(text.strip()),
    "white space within, beyond single spaces": lambda text: len(text.strip()) - len(" ".join(text.split())),
    "invisible characters": lambda text: sum(map(_is_invisible, text)),
}
_ODD: dict[str, Callable[[str], str]] = {
    "odd one out in shape": lambda text: _shape(text),
    "odd one out in its first character's kind": lambda text: _kind(text[:1]),
    "odd one out in its last character's kind": lambda text: _kind(text[-1:]),
}

FEATURES = (*_COUNTED, *_ODD)
"""The features' names. Of the last three, a text has the more the fewer of the list's texts are of its kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How the target item compares with the other candidates of its list (T tasks, F features).

    Attributes:
        below: (T, F) int64, others that have less of the feature.
        tied: (T, F) int64, others that have as much.
        others: (T,) int64, N - 1.
    """

    below: IntArray
    tied: IntArray
    others: IntArray

    @classmethod
    def of(cls, table: TaskTable, position: IntArray) -> Standing:
        """Of all tasks; position: (T,) of each target item, which is listed once."""
        counted, kinds = _features_of_items(table)
        below = np.zeros((len(table), len(FEATURES)), dtype=np.int64)
        tied = np.zeros_like(below)
        for rows, codes in table.candidates.matrices():
            place = np.arange(len(rows)), position[rows]
            columns: list[FloatArray | IntArray] = [feature[codes] for feature in counted]
            columns += [-_alike(kind[codes]) for kind in kinds]  # more is odder
            for column, values in enumerate(columns):
                target = values[place][:, None]
                below[rows, column] = np.count_nonzero(values < target, axis=1)
                tied[rows, column] = np.count_nonzero(values == target, axis=1) - 1
        return cls(below, tied, table.n_candidates - 1)

    def fewer(self, column: int, direction: str) -> IntArray:
        """(T,) others that have less of a feature than the target item ("most"), or more of it ("least")."""
        if direction == "most":
            return self.below[:, column]
        return self.others - self.below[:, column] - self.tied[:, column]


def _features_of_items(table: TaskTable) -> tuple[list[FloatArray], list[Int32Array]]:
    """(V,) each, by item code: what is counted, and the number of each kind; of the listed items, the rest is 0."""
    listed = np.zeros(len(table.pool), dtype=np.bool_)
    listed[table.candidates.values] = True
    codes = np.flatnonzero(listed)
    texts = [table.pool.texts[code] for code in codes.tolist()]
    counted, kinds = [], []
    for count in _COUNTED.values():
        values = np.zeros(len(table.pool))
        values[codes] = [count(text) for text in texts]
        counted.append(values)
    for kind in _ODD.values():
        seen: dict[str, int] = {}
        numbers = np.zeros(len(table.pool), dtype=np.int32)
        numbers[codes] = [seen.setdefault(kind(text), len(seen)) for text in texts]
        kinds.append(numbers)
    return counted, kinds


def _alike(kinds: Int32Array) -> IntArray:
    """(r, N) how many of the row, itself included, are of the same kind."""
    order = np.argsort(kinds, axis=1)
    ordered = np.take_along_axis(kinds, order, axis=1)
    begins = np.ones(kinds.shape, dtype=np.bool_)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    run = np.cumsum(begins.reshape(-1)) - 1
    counts = np.empty(kinds.shape, dtype=np.int64)
    np.put_along_axis(counts, order, np.bincount(run)[run].reshape(kinds.shape), axis=1)
    return counts


def _shape(text: str) -> str:
    """The text with its letters and digits by kind, and runs of words as one: "Toy Story (1995)" is "Aa (9)"."""
    if text.isascii():
        kinds = re.sub(r"[0-9]+", "9", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]", "A", text)))
    else:
        kinds = re.sub(r"([a9x])\1+", r"\1", "".join(map(_kind, text)))
    kinds = re.sub(r"AA+", "AA", kinds)
    return re.sub(r"(?:Aa|AA|A|a|x)(?: (?:Aa|AA|A|a|x)(?=\W|$))+", _words, kinds)


def _words(match: re.Match[str]) -> str:
    """A run of words by whether they begin small, are all capitals, or neither."""
    words = match.group().split(" ")
    if all(word == "a" for word in words):
        return "a"
    return "AA" if all(word in ("AA", "A") for word in words) else "Aa"


def _kind(char: str) -> str:
    """A for a capital, a for a small letter, x for a letter without case, 9 for a digit, else the character itself."""
    if char.isalpha():
        return "A" if char.isupper() else "a" if char.islower() else "x"
    return "9" if char.isdigit() else char
