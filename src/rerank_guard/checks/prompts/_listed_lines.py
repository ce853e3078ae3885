"""The lines of a list with letters or numbers, such as the candidates, that are in another order in the other prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Reordered", "reordered_lists"]

_LISTED = {
    "letters": re.compile(r"^\W{0,4}[A-Za-z]\W{1,4}(\S.*\s*)$"),
    "numbers": re.compile(r"^\W{0,4}\d{1,3}\W{1,4}(\S.*\s*)$"),
}
_SAID = {
    "letters": "the candidates are the same, but in another order: they are shuffled again",
    "numbers": "the lines of a numbered list are the same, but in another order: they are shuffled again",
}
_FEWEST = 2

_Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Reordered:
    """A list that is the same in two texts, but for its order.

    Attributes:
        shown: it in words.
        moved: (M,) the contents, in the first text, of the places that have another one in the second.
        lines: of the second text, with the list in the first one's order; its marks stay where they are.
    """

    shown: str
    moved: tuple[str, ...]
    lines: list[str]


def reordered_lists(one: _Lines, other: _Lines) -> Iterator[Reordered]:
    """Each list whose lines are the same in both texts, each as often, but in another order.

    Args:
        one: lines of a text.
        other: lines of the other text.
    """
    lines = list(other)
    for name, listed in _LISTED.items():
        block, other_block = _longest(one, listed), _longest(lines, listed)
        contents = [_content(line, listed) for line in one[block]]
        other_contents = [_content(line, listed) for line in lines[other_block]]
        if len(contents) < _FEWEST or contents == other_contents or Counter(contents) != Counter(other_contents):
            continue
        lines[other_block] = [
            line[: len(line) - len(old)] + new if line.endswith(old) else new
            for line, old, new in zip(lines[other_block], other_contents, contents, strict=True)
        ]
        moved = tuple(new for old, new in zip(other_contents, contents, strict=True) if old != new)
        yield Reordered(_SAID[name], moved, list(lines))


def _longest(lines: _Lines, listed: re.Pattern[str]) -> slice:
    """The longest block of lines with such a mark."""
    best = slice(0, 0)
    start = 0
    for end, line in enumerate([*lines, ""]):
        if listed.match(line):
            continue
        if end - start > best.stop - best.start:
            best = slice(start, end)
        start = end + 1
    return best


def _content(line: str, listed: re.Pattern[str]) -> str:
    """What is behind the mark, to the line's end with its line break."""
    found = listed.match(line)
    return line[found.start(1) :] if found else line
