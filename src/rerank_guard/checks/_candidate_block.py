"""Finds the lettered candidates in a prompt's text, whatever stands between a letter and its title."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.types import LetterTable, RankingTask

__all__ = ["Block", "BlockReader", "Place", "Shown", "occurrences", "one_line", "readable"]

_LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_WORDS = re.compile(r"\w+")

# What may stand between a letter and its title: "A. x", "A) x", "(A) x", "[A] x", "A: x", "A x", "A - x", '"A": "x"',
# "**A**: x", "<A>x". No comma or semicolon: "Heat (A), Up (B)" has its letters behind the titles.
_CLOSING = r"[)\]}>\"'*_`]*"
_MARK = r" ?(?:->|=>|[.:)\-\u2013\u2014|=])"
_WINDOW = 24
_LEAST_SHORTENED = 8


class Shown(StrEnum):
    """How the prompt shows a candidate."""

    OWN_LETTER = "under its own letter"
    REWORDED = "its letter stands before another text"
    OTHER_LETTER = "under another candidate's letter"
    NO_LETTER = "without a letter"
    LOST = "not at all"
    BLANK = "its text is blank"


@dataclass(frozen=True, slots=True)
class Place:
    """One candidate in the prompt.

    Attributes:
        slot: of the candidate.
        shown: how.
        starts: (k,) where its own letter stands before it, as indices into the readable text, ascending.
        ends: (k,) where its text ends, one for each start.
        instead: the slot whose letter it has, or whose text stands behind its letter; None otherwise.
    """

    slot: int
    shown: Shown
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    instead: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """The candidates of one prompt.

    Attributes:
        text: the prompt's text as it was read (`readable`).
        places: one for each slot that has a letter, in slot order.
        start, end: of the block in `text`, from the first candidate's letter to the last one's text; None when no
            candidate is under its own letter.
        in_slot_order: whether the candidates under their own letters can be found one after another in slot order.
    """

    text: str
    places: tuple[Place, ...]
    start: int | None
    end: int | None
    in_slot_order: bool

    def slots(self, *shown: Shown) -> list[int]:
        """The slots that are shown in one of these ways."""
        return [place.slot for place in self.places if place.shown in shown]


def readable(text: str) -> str:
    """Text to search in: NFKC, every kind of line break as one, runs of other white space as one space.

    Decoding is not always the inverse of tokenising (SentencePiece normalises by NFKC and folds spaces).
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _SPACES.sub(" ", _LINE_BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """A title to search for: as `readable`, in one line, stripped."""
    return " ".join(readable(text).split())


class BlockReader:
    """Reads prompts whose candidates stand under the letters of one table.

    Args:
        letters: in slot order.
    """

    def __init__(self, letters: LetterTable) -> None:
        self.letters = tuple(one_line(letter.letter) for letter in letters.letters)
        self._slot_of = {letter: slot for slot, letter in reversed(tuple(enumerate(self.letters)))}
        known = "|".join(re.escape(letter) for letter in sorted(self._slot_of, key=len, reverse=True) if letter)
        label = rf"(?<![^\W_])(?P<label>{known or '(?!)'})"
        self._before = re.compile(rf"{label}{_CLOSING}(?:{_MARK})?[\"'*_`]*(?P<gap>\s{{0,2}})[\"'*_`]*$")
        start = r"^[ >*\-#(\[{<\"'`_]*"
        self._line = re.compile(
            rf"{start}{label}(?:{_CLOSING}{_MARK}|[)\]}}>\"'*_`]+|(?= ))[\"'*_` ]*(?P<rest>.*)$", re.MULTILINE
        )
        self._marked = re.compile(rf"{start}{label}(?:{_CLOSING}{_MARK}|[)\]}}>]+)", re.MULTILINE)

    def read(self, text: str, task: RankingTask) -> Block:
        """Where and how each candidate of the task is shown in the prompt's text."""
        text = readable(text)
        titles = [one_line(item.text) for item in task.candidates[: len(self.letters)]]
        longer = _continued(titles)
        places = [self._exact(text, slot, titles, longer) for slot in range(len(titles))]
        if any(place.shown is not Shown.OWN_LETTER for place in places):
            places = self._loosely(text, places, titles, [one_line(item.text) for item in task.history])
        return _block(text, places)

    def beginnings(self, text: str, n_candidates: int) -> int:
        """How many lines begin like a candidate: with one of the first `n_candidates` letters and a mark behind it.

        Of lines with something before the letter, such as a bullet, only those of the commonest kind count: a film
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

    def stand_alone(self, text: str, n_candidates: int) -> bool:
        """Whether each of the first letters stands somewhere in the text as a word of its own."""
        return {letter for letter in self.letters[:n_candidates] if letter} <= set(_WORDS.findall(readable(text)))

    def last_line_of(self, text: str, slot: int) -> re.Match[str] | None:
        """The last line of the readable text that begins with a slot's letter."""
        found = None
        for line in self._line.finditer(text):
            if self._slot_of[line["label"]] == slot:
                found = line
        return found

    def _exact(self, text: str, slot: int, titles: Sequence[str], longer: dict[str, list[str]]) -> Place:
        """By the very title with a letter right before it, or, with none before it, its own letter right behind it."""
        title = titles[slot]
        if not title:
            return Place(slot, Shown.BLANK)
        own: list[tuple[int, int]] = []
        other: int | None = None
        for start in occurrences(text, title):
            if any(text.startswith(more, start) for more in longer.get(title, ())):
                continue  # it is the beginning of another candidate's title
            before = self._before.search(text, max(0, start - _WINDOW), start)
            end = start + len(title)
            if before is not None and ("\n" not in before["gap"] or _begins_line(text, before.start("label"))):
                if before["label"] == self.letters[slot]:
                    own.append((before.start("label"), end))
                elif _titles_differ(titles, self._slot_of[before["label"]], title):
                    other = self._slot_of[before["label"]]
            elif self._own_letter_behind(text, start, end, slot):
                own.append((start, end))
        if own:
            return Place(slot, Shown.OWN_LETTER, tuple(s for s, _ in own), tuple(e for _, e in own))
        if other is not None:
            return Place(slot, Shown.OTHER_LETTER, instead=other)
        return Place(slot, Shown.LOST)

    def _own_letter_behind(self, text: str, start: int, end: int, slot: int) -> bool:
        letter = re.escape(self.letters[slot])
        line_start = text.rfind("\n", 0, start) + 1
        labelled = self._line.match(text, line_start)
        return (
            labelled is None
            and re.match(rf" ?[-:=>]*[ ]?[(\[{{<*\"]+{letter}(?!\w)", text[end : end + _WINDOW]) is not None
        )

    def _loosely(
        self, text: str, places: Sequence[Place], titles: Sequence[str], history: Sequence[str]
    ) -> list[Place]:
        """By the words behind its letter, where the title itself was not found behind it."""
        lines: dict[int, list[re.Match[str]]] = {}
        for line in self._line.finditer(text):
            lines.setdefault(self._slot_of[line["label"]], []).append(line)
        words = [_words(title) for title in titles]
        found = []
        for place in places:
            if place.shown is Shown.LOST:
                found.append(self._by_words(text, place.slot, lines.get(place.slot, []), titles, words, history))
            else:
                found.append(place)
        return found

    def _by_words(
        self,
        text: str,
        slot: int,
        lines: Sequence[re.Match[str]],
        titles: Sequence[str],
        words: Sequence[list[str]],
        history: Sequence[str],
    ) -> Place:
        own = [line for line in lines if _says(line["rest"], titles[slot], text[line.end() :])]
        if own:
            starts, ends = tuple(line.start("label") for line in own), tuple(line.end() for line in own)
            return Place(slot, Shown.OWN_LETTER, starts, ends)
        lines = [line for line in lines if not any(past and _says(line["rest"], past, "") for past in history)]
        for line in lines:
            said = _words(line["rest"])
            for other, their in enumerate(words):
                if said and said == their and their != words[slot]:
                    return Place(slot, Shown.OTHER_LETTER, instead=other)
        # The last line of the text may be a title that was cut; anything that stands before more text is a wording.
        if any(line["rest"].strip() and text[line.end() :].strip() for line in lines):
            return Place(slot, Shown.REWORDED)
        spoken_for = sum(len(list(occurrences(past, titles[slot]))) for past in history)
        spoken_for += sum(len(list(occurrences(title, titles[slot]))) for title in titles if title != titles[slot])
        there = len(list(occurrences(text, titles[slot])))
        return Place(slot, Shown.NO_LETTER if there > spoken_for else Shown.LOST)


def occurrences(text: str, title: str) -> Iterator[int]:
    """Where a title stands in a text and is not merely a part of a word."""
    if not title:
        return
    open_end, open_start = title[-1].isalnum(), title[0].isalnum()
    start = text.find(title)
    while start >= 0:
        end = start + len(title)
        inside = (open_end and end < len(text) and text[end].isalnum()) or (
            open_start and start > 0 and text[start - 1].isalnum()
        )
        if not inside:
            yield start
        start = text.find(title, start + 1)


def _titles_differ(titles: Sequence[str], slot: int, title: str) -> bool:
    """Whether the slot holds another text: equal ones cannot be told apart."""
    return slot >= len(titles) or titles[slot] != title


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


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def _says(rest: str, title: str, behind: str) -> bool:
    """Whether a line's text is the title in other letters or punctuation, or the title shortened on purpose."""
    shown, meant = "".join(_words(rest)), "".join(_words(title))
    if not meant:
        return rest.strip() == title
    if shown.startswith(meant):
        return True
    long_enough = len(shown) >= min(_LEAST_SHORTENED, (len(meant) + 1) // 2)
    return bool(shown) and long_enough and meant.startswith(shown) and bool(behind.strip())


def _block(text: str, places: Sequence[Place]) -> Block:
    """The chain of candidates in slot order that ends first and begins last; without one, all that was found."""
    found = [place for place in places if place.shown is Shown.OWN_LETTER]
    if not found:
        return Block(text, tuple(places), None, None, True)
    last, end = -1, 0
    for place in found:
        later = [span for span in zip(place.starts, place.ends, strict=True) if span[0] > last]
        if not later:
            start = min(place.starts[0] for place in found)
            return Block(text, tuple(places), start, max(place.ends[-1] for place in found), False)
        last, end = later[0]
    start = last
    for place in reversed(found[:-1]):
        start = max(other for other in place.starts if other < start)
    return Block(text, tuple(places), start, end, True)
