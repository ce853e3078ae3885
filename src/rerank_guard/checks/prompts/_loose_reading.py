"""Finds a candidate by the words behind its letter, where its title itself was not found there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.checks.prompts._readable_text import occurrences, one_line, words
from rerank_guard.checks.prompts._shown_candidates import Place, Shown
from rerank_guard.core.types import RankingTask

__all__ = ["Labelled", "LooseReader"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line that begins with a letter.

    Attributes:
        start: of the letter, as an index into the readable text.
        end: of the line.
        rest: what is behind the letter and its mark.
    """

    start: int
    end: int
    rest: str


class LooseReader:
    """Reads one prompt by the words behind its letters.

    Args:
        text: of the prompt, readable.
        titles: one a position, each in one line.
        task: with the history.
        min_title: letters and digits that a title which is shortened on purpose keeps, or half of its own.
    """

    def __init__(self, text: str, titles: Sequence[str], task: RankingTask, min_title: int) -> None:
        self._min_title = min_title
        self._text = text
        self._titles = titles
        self._words = [words(title.casefold()) for title in titles]
        self._history = [one_line(item.text) for item in task.history]

    def read(self, position: int, lines: Sequence[Labelled]) -> Place:
        """How a candidate is shown whose title is not behind its letter.

        Args:
            position: of the candidate.
            lines: all that begin with its letter.
        """
        title = self._titles[position]
        own = [line for line in lines if self._says(line.rest, title, self._text[line.end :])]
        if own:
            return Place(position, Shown.OWN_LETTER, tuple((line.start, line.end) for line in own))
        lines = [line for line in lines if not self._is_history(line)]
        other = self._other_behind(lines, position)
        if other is not None:
            return Place(position, Shown.OTHER_LETTER, instead=other)
        if any(self._is_wording(line) for line in lines):
            return Place(position, Shown.REWORDED)
        return Place(position, Shown.NO_LETTER if self._is_somewhere(title) else Shown.LOST)

    def _is_history(self, line: Labelled) -> bool:
        return any(past and self._says(line.rest, past, "") for past in self._history)

    def _is_wording(self, line: Labelled) -> bool:
        """The last line of the text may be a title that was cut; anything that is before more text is a wording."""
        return bool(line.rest.strip() and self._text[line.end :].strip())

    def _other_behind(self, lines: Sequence[Labelled], position: int) -> int | None:
        """The first position of another text that one of the lines says in the same words."""
        for line in lines:
            said = words(line.rest.casefold())
            for other, their in enumerate(self._words):
                if said and said == their and their != self._words[position]:
                    return other
        return None

    def _is_somewhere(self, title: str) -> bool:
        """Whether the text has the title more often than the history and the other titles account for."""
        others = [*self._history, *(other for other in self._titles if other != title)]
        accounted_for = sum(_count(other, title) for other in others)
        return _count(self._text, title) > accounted_for

    def _says(self, rest: str, title: str, behind: str) -> bool:
        """Whether a line's text is the title in other letters or punctuation, or the title shortened on purpose."""
        shown, meant = "".join(words(rest.casefold())), "".join(words(title.casefold()))
        if not meant:
            return rest.strip() == title
        if shown.startswith(meant):
            return True
        long_enough = len(shown) >= min(self._min_title, (len(meant) + 1) // 2)
        return bool(shown) and long_enough and meant.startswith(shown) and bool(behind.strip())


def _count(text: str, title: str) -> int:
    return sum(1 for _ in occurrences(text, title))
