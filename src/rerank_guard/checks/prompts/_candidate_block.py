"""Finds the lettered candidates in a prompt's text, whatever is between a letter and its title."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rerank_guard.checks.prompts._loose_reading import Labelled, LooseReader
from rerank_guard.checks.prompts._readable_text import occurrences, one_line, readable, words
from rerank_guard.checks.prompts._shown_candidates import Block, Place, Shown, Span, block_of
from rerank_guard.core.types import LetterTable, RankingTask

__all__ = ["BlockReader"]

# What may be between a letter and its title: "A. x", "A) x", "(A) x", "[A] x", "A: x", "A x", "A - x", '"A": "x"',
# "**A**: x", "<A>x". No comma or semicolon: "Heat (A), Up (B)" has its letters behind the titles.
_CLOSING = r"[)\]}>\"'*_`]*"
_MARK = r" ?(?:->|=>|[.:)\-\u2013\u2014|=])"
_WINDOW = 24
"""Characters before a title in which its letter is looked for, and behind it."""


class BlockReader:
    """Reads prompts whose candidates are under the letters of one table.

    Args:
        letters: one a position of the list, in its order.
        min_title: letters and digits that a title which is shortened on purpose keeps, or half of its own.
    """

    def __init__(self, letters: LetterTable, min_title: int = 8) -> None:
        self._min_title = min_title
        self.letters = tuple(one_line(letter.letter) for letter in letters.letters)
        self._position_of = {letter: place for place, letter in reversed(tuple(enumerate(self.letters)))}
        known = "|".join(re.escape(letter) for letter in sorted(self._position_of, key=len, reverse=True) if letter)
        label = rf"(?<![^\W_])(?P<label>{known or '(?!)'})"
        self._before = re.compile(rf"{label}{_CLOSING}(?:{_MARK})?[\"'*_`]*(?P<gap>\s{{0,2}})[\"'*_`]*$")
        start = r"^[ >*\-#(\[{<\"'`_]*"
        self._line = re.compile(
            rf"{start}{label}(?:{_CLOSING}{_MARK}|[)\]}}>\"'*_`]+|(?= ))[\"'*_` ]*(?P<rest>.*)$", re.MULTILINE
        )
        self._marked = re.compile(rf"{start}{label}(?:{_CLOSING}{_MARK}|[)\]}}>]+)", re.MULTILINE)
        self.varying = re.compile(rf"(?<!\w)(?:\d+|{known or '(?!)'})(?!\w)")
        """A number, or a letter of the table as a word of its own: what differs between prompts of one template."""

    def read(self, text: str, task: RankingTask) -> Block:
        """Where and how each candidate of the task is shown in the prompt's text."""
        text = readable(text)
        titles = [one_line(item.text) for item in task.candidates[: len(self.letters)]]
        longer = _continued(titles)
        places = [self._exact(text, position, titles, longer) for position in range(len(titles))]
        if any(place.shown is Shown.LOST for place in places):
            lines = self._labelled_lines(text)
            loose = LooseReader(text, titles, task, self._min_title)
            places = [
                loose.read(place.position, lines.get(place.position, [])) if place.shown is Shown.LOST else place
                for place in places
            ]
        return block_of(text, places)

    def beginnings(self, text: str, n_candidates: int) -> int:
        """How many lines begin like a candidate: with one of the first `n_candidates` letters and a mark behind it.

        Of lines with something before the letter, such as a bullet, only those of the most frequent kind count: a film
        "B. Movie" in a bulleted history begins no candidate of a list without bullets.
        """
        in_use = set(self.letters[:n_candidates])
        kinds = Counter(
            found[0][: found.start("label") - found.start()]
            for found in self._marked.finditer(readable(text))
            if found["label"] in in_use
        )
        return max(kinds.values(), default=0)

    def says_more_than_a_letter(self, line: str) -> bool:
        """Whether there is a letter or digit in the line apart from a candidate's letter and its mark."""
        begun = self._marked.match(line)
        return any(char.isalnum() for char in (line[begun.end() :] if begun else line))

    def has_letters_as_words(self, text: str, n_candidates: int) -> bool:
        """Whether each of the first letters is somewhere in the text as a word of its own."""
        return {letter for letter in self.letters[:n_candidates] if letter} <= set(words(readable(text)))

    def behind_line_of(self, text: str, position: int) -> str:
        """What follows the last line of the readable text that begins with a position's letter; empty without one."""
        lines = self._labelled_lines(text).get(position)
        return text[lines[-1].end :] if lines else ""

    def _labelled_lines(self, text: str) -> dict[int, list[Labelled]]:
        """The lines that begin with a letter, by the position of the letter."""
        lines: dict[int, list[Labelled]] = {}
        for line in self._line.finditer(text):
            labelled = Labelled(line.start("label"), line.end(), line["rest"])
            lines.setdefault(self._position_of[line["label"]], []).append(labelled)
        return lines

    def _exact(self, text: str, position: int, titles: Sequence[str], longer: dict[str, list[str]]) -> Place:
        """By the very title with a letter right before it, or, with none before it, its own letter right behind it."""
        title = titles[position]
        if not title:
            return Place(position, Shown.BLANK)
        own: list[Span] = []
        other: int | None = None
        for start in _whole_titles(text, title, longer):
            end = start + len(title)
            before = self._label_before(text, start)
            if before is None:
                if self._own_letter_behind(text, start, end, position):
                    own.append((start, end))
            elif before["label"] == self.letters[position]:
                own.append((before.start("label"), end))
            elif _titles_differ(titles, self._position_of[before["label"]], title):
                other = self._position_of[before["label"]]
        if own:
            return Place(position, Shown.OWN_LETTER, tuple(own))
        if other is not None:
            return Place(position, Shown.OTHER_LETTER, instead=other)
        return Place(position, Shown.LOST)

    def _label_before(self, text: str, start: int) -> re.Match[str] | None:
        """The letter right before a title, in the same line or as a line of its own above it."""
        before = self._before.search(text, max(0, start - _WINDOW), start)
        if before is None or ("\n" in before["gap"] and not _begins_line(text, before.start("label"))):
            return None
        return before

    def _own_letter_behind(self, text: str, start: int, end: int, position: int) -> bool:
        letter = re.escape(self.letters[position])
        line_start = text.rfind("\n", 0, start) + 1
        labelled = self._line.match(text, line_start)
        return (
            labelled is None
            and re.match(rf" ?[-:=>]*[ ]?[(\[{{<*\"]+{letter}(?!\w)", text[end : end + _WINDOW]) is not None
        )


def _whole_titles(text: str, title: str, longer: dict[str, list[str]]) -> Iterator[int]:
    """Where a title is in the text, and not as the beginning of another candidate's title."""
    for start in occurrences(text, title):
        if not any(text.startswith(more, start) for more in longer.get(title, ())):
            yield start


def _titles_differ(titles: Sequence[str], position: int, title: str) -> bool:
    """Whether the position holds another text: equal ones cannot be told apart."""
    return position >= len(titles) or titles[position] != title


def _continued(titles: Sequence[str]) -> dict[str, list[str]]:
    """Title to those of the same list that begin with it and go on."""
    ordered = sorted(set(titles))
    longer: dict[str, list[str]] = {}
    for place, title in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if not title or not other.startswith(title):
                break
            longer.setdefault(title, []).append(other)
    return longer


def _begins_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip(" >*-#([{<\"'`_")
