"""A tokenizer of words, letters and bytes, and the prompt that is written with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from guard.fake_world import all_words
from rerank_guard.types import LetterTable, LetterToken, RankingTask

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
END = 0
"""Id of the end of a sequence, which no text can be encoded to."""

_TEMPLATE = ("You", "rank", "films", "for", "one", "person", "Seen", "Candidates", "Answer")
_PIECE = re.compile(r"\n| ?[A-Za-z0-9]+| ?[^\sA-Za-z0-9]|\s")
_PLAIN = (*all_words(), *_TEMPLATE, *LETTERS, *".,;:")
_TOKENS = ("<end>", "\n", *_PLAIN, *(f" {word}" for word in _PLAIN))
_ID_OF = {token: index for index, token in enumerate(_TOKENS)}
VOCABULARY = len(_TOKENS) + 256
"""Ids: the tokens, then one for each byte of a text that has none."""

LETTER_IDS = tuple(_ID_OF[letter] for letter in LETTERS)
CUE = "Answer:\n"


@lru_cache(maxsize=200_000)
def _encode_piece(piece: str) -> tuple[int, ...]:
    if piece in _ID_OF:
        return (_ID_OF[piece],)
    return tuple(len(_TOKENS) + byte for byte in piece.encode())


def encode(text: str) -> tuple[int, ...]:
    """Ids of a text; a word without a token becomes its bytes."""
    return tuple(token for piece in _PIECE.findall(text) for token in _encode_piece(piece))


def token_text(token: int) -> str:
    """What one id stands for; bytes as Latin-1, as good as any for a model that ignores them."""
    return _TOKENS[token] if token < len(_TOKENS) else chr(token - len(_TOKENS))


def letter_table() -> LetterTable:
    """The letters as they are tokenised behind the prompt, which ends with a line break."""
    return LetterTable(
        tuple(
            LetterToken(letter, encode(CUE + letter)[len(encode(CUE)) :], LETTER_IDS[slot])
            for slot, letter in enumerate(LETTERS)
        )
    )


def clean(title: str) -> str:
    """A title on one line, without anything that could pass for a part of the prompt."""
    printable = "".join(
        character if character.isprintable() and character not in "<>|[]" else " " for character in title
    )
    return " ".join(printable.split())


def render(task: RankingTask) -> str:
    """The prompt of a task.

    Raises:
        ValueError: more candidates than letters.
    """
    if task.n_candidates > len(LETTERS):
        raise ValueError(f"{task.n_candidates} candidates, but only {len(LETTERS)} letters")
    seen = "; ".join(clean(item.text) for item in task.history)
    listed = "\n".join(
        f"{letter}. {clean(item.text)}" for letter, item in zip(LETTERS, task.candidates, strict=False)
    )
    return f"You rank films for one person.\nSeen: {seen}\nCandidates:\n{listed}\n{CUE}"


def read(token_ids: Sequence[int]) -> tuple[list[str], dict[int, list[str]]] | None:
    """The history's words, and the words of each slot, as a prompt's ids say them; None where it does not end with the cue.

    Everything is read off the ids: what was cut is not there.
    """
    pieces = [token_text(token) for token in token_ids]
    if pieces[-3:] != ["Answer", ":", "\n"]:
        return None
    lines: list[list[str]] = [[]]
    for piece in pieces[:-3]:
        if piece == "\n":
            lines.append([])
        else:
            lines[-1].append(piece)
    history: list[str] = []
    slots: dict[int, list[str]] = {}
    for line in lines:
        if line[:2] == ["Seen", ":"]:
            history += [piece.strip() for piece in line[2:]]
        elif len(line) >= 2 and line[1] == "." and line[0] in LETTERS:
            slots[LETTERS.index(line[0])] = [piece.strip() for piece in line[2:]]
    return history, slots
