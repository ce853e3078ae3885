"""Text wrapped to a width: single paragraphs, and blocks of a docstring with their lists."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

__all__ = ["reflowed", "wrapped"]

_ITEM = re.compile(r"(\s*)(- |\d+\. )")


def wrapped(text: str, width: int, indent: int = 0, hanging: int = 0) -> Iterator[str]:
    """The lines of one paragraph; nothing where it is empty.

    Args:
        text: the paragraph; spaces inside of it stay as they are, up to the line's end.
        width: columns of a line. A word that is longer is broken.
        indent: spaces before each line.
        hanging: further spaces before all lines but the first.
    """
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )


def reflowed(block: str, width: int, indent: int = 0) -> Iterator[str]:
    """The lines of a block of a docstring, whose list items stay apart."""
    for paragraph in _paragraphs(block):
        item = _ITEM.match(paragraph)
        before, mark = (len(item[1]), len(item[2])) if item else (0, 0)
        yield from wrapped(paragraph.strip(), width, indent + before, mark)


def _paragraphs(block: str) -> Iterator[str]:
    """Each list item, and the text between them, on one line, with the indentation of its first line."""
    current: list[str] = []
    for line in block.splitlines():
        if current and _ITEM.match(line):
            yield _joined(current)
            current = []
        current.append(line)
    if current:
        yield _joined(current)


def _joined(lines: list[str]) -> str:
    first, *rest = lines
    return " ".join([first.rstrip(), *(line.strip() for line in rest)])
