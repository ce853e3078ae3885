"""The prompt of a task: written as text, and read again from its token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rerank_guard.core.types import LetterTable, LetterToken, RankingTask
from rerank_guard.faults.healthy.tokenizer import LETTER_IDS, LETTERS, encode, token_text

__all__ = ["CUE", "PromptWords", "clean_title", "letter_table", "read_prompt", "write_prompt"]

CUE = "Answer:\n"
"""Ends the prompt; the letter comes after it."""

_FORBIDDEN = frozenset("<>|[]")


@dataclass(frozen=True, slots=True)
class PromptWords:
    """What a prompt says.

    Attributes:
        history: the words of the history's titles.
        candidates: position to the words of the candidate listed there.
    """

    history: list[str]
    candidates: dict[int, list[str]]


def letter_table() -> LetterTable:
    """The letters as they are tokenised after the prompt, which ends with a line break."""
    return LetterTable(
        tuple(
            LetterToken(letter, encode(CUE + letter)[len(encode(CUE)) :], letter_id)
            for letter, letter_id in zip(LETTERS, LETTER_IDS, strict=True)
        )
    )


@lru_cache(maxsize=10_000)
def clean_title(title: str) -> str:
    """A title on one line, without anything that could be read as a part of the prompt."""
    printable = "".join(
        character if character.isprintable() and character not in _FORBIDDEN else " " for character in title
    )
    return " ".join(printable.split())


def write_prompt(task: RankingTask) -> str:
    """The prompt of a task.

    Raises:
        ValueError: more candidates than letters.
    """
    if task.n_candidates > len(LETTERS):
        raise ValueError(f"{task.n_candidates} candidates, but only {len(LETTERS)} letters")
    seen = "; ".join(clean_title(item.text) for item in task.history)
    listed = "\n".join(
        f"{letter}. {clean_title(item.text)}" for letter, item in zip(LETTERS, task.candidates, strict=False)
    )
    return f"You rank films for one person.\nSeen: {seen}\nCandidates:\n{listed}\n{CUE}"


def read_prompt(token_ids: Sequence[int]) -> PromptWords | None:
    """The words of a prompt, from its ids alone: what was cut off is missing. None where it does not end with the cue."""
    pieces = [token_text(token) for token in token_ids]
    if pieces[-3:] != ["Answer", ":", "\n"]:
        return None
    words = PromptWords([], {})
    for line in _lines(pieces[:-3]):
        if line[:2] == ["Seen", ":"]:
            words.history.extend(piece.strip() for piece in line[2:])
        elif len(line) >= 2 and line[1] == "." and line[0] in LETTERS:
            words.candidates[LETTERS.index(line[0])] = [piece.strip() for piece in line[2:]]
    return words


def _lines(pieces: Sequence[str]) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for piece in pieces:
        if piece == "\n":
            lines.append([])
        else:
            lines[-1].append(piece)
    return lines
