"""What the scores would be if the logits were read or handed out in one of the usual wrong ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.types import FloatArray, LetterTable

__all__ = ["Reading", "letter_ids", "letter_rows", "wrong_readings"]

_SHIFTS = (1, -1)
_USERS_SHIFTED = (1, -1, 2, -2, 3, -3)


@dataclass(frozen=True, slots=True)
class Reading:
    """One hypothesis: its fault, what it is in words, and the letter logits (N_u,) that it predicts for each user."""

    fault: str
    says: str
    rows: tuple[FloatArray, ...]


def letter_ids(letters: LetterTable, n: int) -> list[int] | None:
    """The in-context ids of the first n letters; None where a letter has none."""
    tokens = letters.letters[:n]
    if len(tokens) < n or any(not token.token_ids for token in tokens):
        return None
    return [token.token_ids[0] for token in tokens]


def letter_rows(logits: Sequence[FloatArray], ids: Sequence[int], lengths: Sequence[int]) -> tuple[FloatArray, ...]:
    """Each user's logits at the first N_u of the ids."""
    columns = np.asarray(ids, dtype=np.int64)
    return tuple(np.asarray(row[columns[:n]], dtype=np.float64) for row, n in zip(logits, lengths, strict=True))


def wrong_readings(
    reference_logits: Sequence[FloatArray],
    letters: LetterTable,
    lengths: Sequence[int],
    variants: Mapping[str, Sequence[int]] | None,
    earlier: Mapping[int, Sequence[FloatArray]] | None,
) -> Iterator[Reading]:
    """Every hypothesis that predicts scores from the model alone, the simplest first."""
    most = max(lengths)
    ids = letter_ids(letters, most) or []
    plain = letter_rows(reference_logits, ids, lengths)
    yield Reading("reversed", "the reference with its sign flipped", tuple(-row for row in plain))
    for shift in _SHIFTS:
        says = f"the reference's slots shifted by {shift:+d}, the last going round to the other end"
        yield Reading("label-offset", says, tuple(np.roll(row, shift) for row in plain))
    if (further := letter_ids(letters, most + 1)) is not None:
        says = "the logit of the letter after each candidate's own"
        yield Reading("label-offset", says, letter_rows(reference_logits, further[1:], lengths))
    vocabulary = min(len(row) for row in reference_logits)
    for says, other in _other_ids(letters, ids, variants):
        if all(0 <= token_id < vocabulary for token_id in other):
            yield Reading("wrong-letter-variant", says, letter_rows(reference_logits, other, lengths))
    for offset, rows in (earlier or {}).items():
        where = "before" if offset < 0 else "after"
        says = f"the logits {abs(offset)} position(s) {where} the right one"
        yield Reading("wrong-logit-position", says, letter_rows(rows, ids, lengths))
    yield from _other_users(plain, lengths)


def _other_ids(
    letters: LetterTable, ids: Sequence[int], variants: Mapping[str, Sequence[int]] | None
) -> Iterator[tuple[str, list[int]]]:
    tokens = letters.letters[: len(ids)]
    scored = [
        token.scored_token_id if token.scored_token_id is not None else own
        for token, own in zip(tokens, ids, strict=True)
    ]
    if scored != list(ids):
        yield "the logits at the letters' scored_token_id, which is not their id in context", scored
    table = variants or {}
    for place in range(max((len(table.get(token.letter, ())) for token in tokens), default=0)):
        other = []
        for token, own in zip(tokens, ids, strict=True):
            of_letter = table.get(token.letter, ())
            other.append(int(of_letter[place]) if place < len(of_letter) else own)
        if other != list(ids):
            yield f"the logits at other ids of the letters (such as {other[0]} for {tokens[0].letter!r})", other


def _other_users(plain: Sequence[FloatArray], lengths: Sequence[int]) -> Iterator[Reading]:
    """Rows handed to the wrong users: shifted by a few, or in reversed order, where the lengths allow it."""
    users = np.arange(len(plain))
    orders = {f"the reference of the user {k:+d} place(s) away": np.roll(users, -k) for k in _USERS_SHIFTED}
    orders["the references in the reversed order of the users"] = users[::-1]
    for says, order in orders.items():
        fits = [lengths[other] == lengths[user] for user, other in enumerate(order.tolist())]
        if all(fits) and not np.array_equal(order, users):
            yield Reading("rows-misaligned", says, tuple(plain[other] for other in order.tolist()))
