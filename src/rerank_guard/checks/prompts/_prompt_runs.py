"""Runs of text, or of ids, that one of two prompts has and the other has not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

__all__ = ["Run", "changed_runs", "common_start", "in_pieces", "left_over", "moved_lines", "without_answer"]

T = TypeVar("T", bound=Hashable)

_PIECES = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]{2,20}\]|\n| ?\w+| ?[^\w\s]|\s")
"""A marker of a template, a line break, a word or a sign: about a token each."""
_LONGEST_ANSWER = 16
"""Pieces at the end of training's text, beside its tokens after the prompt, among which the prompt's end is looked for."""
_FEWER, _MORE = 0.9, 0.99
"""Pieces of difference that are worth an end that is one piece away from where the ids say."""
_MOST_MATCHED = 4000
"""Longer sequences are matched by the standard library's heuristic, as an exact match takes the square of their length."""


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """Consecutive pieces that differ; one side may be empty.

    Attributes:
        trained, scored: the pieces, or ids.
        at_trained, at_scored: index of the first one in its prompt.
    """

    trained: tuple[T, ...]
    scored: tuple[T, ...]
    at_trained: int
    at_scored: int

    @property
    def size(self) -> int:
        """How many pieces, of the longer side."""
        return max(len(self.trained), len(self.scored))


def in_pieces(text: str) -> list[str]:
    """The text cut into about its tokens; joined they are the text again."""
    return _PIECES.findall(text)


def without_answer(trained: Sequence[str], scored: Sequence[str], n_after: int, n_differ: float) -> Sequence[str]:
    """Training's pieces without the answer and what follows it, which are in its text but not in the scored one's.

    Which piece belongs to which id is not known: the end is one that leaves no more difference than the ids have, near to
    `n_after` pieces from the end.

    Args:
        trained: pieces of training's text.
        scored: pieces of the one that is scored.
        n_after: ids of the training prompt from the answer on.
        n_differ: pieces outside of the common beginning and end that are expected from the ids.
    """
    most = min(len(trained), n_after + _LONGEST_ANSWER)
    prefix = common_start(trained, scored)

    def away(cut: int) -> float:
        fewer = n_after - cut  # special tokens are not in every text, so fewer are likelier than more
        difference = max(0.0, _left_over(trained[: len(trained) - cut], scored, prefix) - n_differ)
        return difference + (_FEWER * fewer if fewer > 0 else -_MORE * fewer)

    best = min(range(most + 1), key=lambda cut: (away(cut), abs(cut - n_after)))
    return trained[: len(trained) - best]


def left_over(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many of both are outside of the common beginning and end."""
    return _left_over(one, other, common_start(one, other))


def _left_over(one: Sequence[Hashable], other: Sequence[Hashable], prefix: int) -> int:
    prefix = min(prefix, len(one))
    suffix = common_start(one[prefix:][::-1], other[prefix:][::-1])
    return len(one) + len(other) - 2 * (prefix + suffix)


def common_start(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Length of the common beginning."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def moved_lines(trained: Sequence[str], scored: Sequence[str]) -> Counter[str]:
    """Lines, blank ones left out, that are in both texts at places between which other lines do not stay in order."""
    only: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for run in changed_runs(trained, scored):
        only[0].update(line for line in run.trained if line.strip())
        only[1].update(line for line in run.scored if line.strip())
    return only[0] & only[1]


def changed_runs(trained: Sequence[T], scored: Sequence[T]) -> Iterator[Run[T]]:
    """The runs that were inserted, deleted or replaced, in order."""
    start = common_start(trained, scored)
    end = common_start(trained[start:][::-1], scored[start:][::-1])
    one, other = trained[start : len(trained) - end], scored[start : len(scored) - end]
    matcher = SequenceMatcher(None, one, other, autojunk=max(len(one), len(other)) > _MOST_MATCHED)
    for tag, from_one, to_one, from_other, to_other in matcher.get_opcodes():
        if tag != "equal":
            yield Run(
                tuple(one[from_one:to_one]),
                tuple(other[from_other:to_other]),
                start + from_one,
                start + from_other,
            )
