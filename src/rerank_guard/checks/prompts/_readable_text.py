"""Text as it is searched: normalised, cut into words, and with titles found in it as whole words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["occurrences", "one_line", "readable", "shortened", "words"]

_LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_WORDS = re.compile(r"\w+")


def readable(text: str) -> str:
    """Text to search in: NFKC, every kind of line break as a line feed, runs of other white space as one space.

    Decoding is not always the inverse of tokenising (SentencePiece normalises by NFKC and folds spaces).
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _SPACES.sub(" ", _LINE_BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """A title to search for: as `readable`, in one line, stripped."""
    return " ".join(readable(text).split())


def words(text: str) -> list[str]:
    """The runs of letters, digits and underscores, in order."""
    return _WORDS.findall(text)


def occurrences(text: str, title: str) -> Iterator[int]:
    """The indices at which a title begins in a text where it is not merely a part of a word; none for an empty title."""
    if not title:
        return
    open_end, open_start = title[-1].isalnum(), title[0].isalnum()
    start = text.find(title)
    while start >= 0:
        end = start + len(title)
        goes_on = open_end and end < len(text) and text[end].isalnum()
        has_begun = open_start and start > 0 and text[start - 1].isalnum()
        if not (goes_on or has_begun):
            yield start
        start = text.find(title, start + 1)


def shortened(text: str, most: int) -> str:
    """The text in quotes, cut after `most` characters."""
    return repr(text if len(text) <= most else text[:most] + "...")
