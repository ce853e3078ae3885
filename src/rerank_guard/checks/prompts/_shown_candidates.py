"""How a prompt shows its candidates, each by itself and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Block", "Place", "Shown", "Span", "block_of"]

Span = tuple[int, int]
"""From where to where, as indices into a text; the end is exclusive."""


class Shown(StrEnum):
    """How the prompt shows a candidate."""

    OWN_LETTER = "under its own letter"
    REWORDED = "another text is behind its letter"
    OTHER_LETTER = "under another candidate's letter"
    NO_LETTER = "without a letter"
    LOST = "not at all"
    BLANK = "its text is blank"


@dataclass(frozen=True, slots=True)
class Place:
    """One candidate in the prompt.

    Attributes:
        position: of the candidate in the list, from 0.
        shown: how.
        spans: wherever it is under its own letter, from the letter or the text, whichever comes first, to the end of the
            text, as indices into the readable text, ascending.
        instead: the position whose letter it has, or whose text is behind its letter; None otherwise.
    """

    position: int
    shown: Shown
    spans: tuple[Span, ...] = ()
    instead: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """The candidates of one prompt.

    Attributes:
        text: the prompt's text as it was read (`readable`).
        places: one for each position that has a letter, in the order of the list.
        end: index into `text` behind the last candidate's text; None when no candidate is under its own letter.
        in_list_order: whether the candidates under their own letters can be found one after another in the order of the
            list.
    """

    text: str
    places: tuple[Place, ...]
    end: int | None
    in_list_order: bool

    def positions(self, *shown: Shown) -> list[int]:
        """The positions of the candidates that are shown in one of these ways."""
        return [place.position for place in self.places if place.shown in shown]


def block_of(text: str, places: Sequence[Place]) -> Block:
    """The block that ends where its candidates, one after another in list order, end first; without such a run, all."""
    found = [place for place in places if place.shown is Shown.OWN_LETTER]
    if not found:
        return Block(text, tuple(places), None, True)
    start, end = -1, 0
    for place in found:
        behind = next((span for span in place.spans if span[0] > start), None)
        if behind is None:
            return Block(text, tuple(places), max(place.spans[-1][1] for place in found), False)
        start, end = behind
    return Block(text, tuple(places), end, True)
