"""A tokenizer of words, letters and bytes."""

from __future__ import annotations

import re
from functools import lru_cache

from rerank_guard.faults.healthy.world import all_words

__all__ = ["END", "LETTERS", "LETTER_IDS", "VOCABULARY", "encode", "token_text"]

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

END = 0
"""Id of the end of a sequence, which no text is encoded to."""

_TEMPLATE = ("You", "rank", "films", "for", "one", "person", "Seen", "Candidates", "Answer")
_PIECE = re.compile(r"\n| ?[A-Za-z0-9]+| ?[^\sA-Za-z0-9]|\s")
_PLAIN = (*all_words(), *_TEMPLATE, *LETTERS, *".,;:")
_TOKENS = ("<end>", "\n", *_PLAIN, *(f" {word}" for word in _PLAIN))
_ID_OF = {token: index for index, token in enumerate(_TOKENS)}

VOCABULARY = len(_TOKENS) + 256
"""Number of ids: the tokens, then one for each byte of a text that has no token."""

LETTER_IDS = tuple(_ID_OF[letter] for letter in LETTERS)
"""Id of each letter at the beginning of a line, where the answer is."""


def encode(text: str) -> tuple[int, ...]:
    """The ids of a text; a word without a token becomes its bytes."""
    return tuple(token for piece in _PIECE.findall(text) for token in _encode_piece(piece))


def token_text(token: int) -> str:
    """The text of one id; a byte as Latin-1, which is enough for a model that ignores bytes."""
    return _TOKENS[token] if token < len(_TOKENS) else chr(token - len(_TOKENS))


@lru_cache(maxsize=200_000)
def _encode_piece(piece: str) -> tuple[int, ...]:
    if piece in _ID_OF:
        return (_ID_OF[piece],)
    return tuple(len(_TOKENS) + byte for byte in piece.encode())
