"""Faults of the letters: their tokens, their number, and the ids that are read."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import (
    LETTER_COLLISION,
    LETTERS_EXHAUSTED,
    MULTI_TOKEN_LETTER,
    WRONG_LETTER_VARIANT,
)
from rerank_guard.core.target import ForwardsTokens, KnowsLetters, RerankTarget, ShowsScoringPrompts
from rerank_guard.core.types import FloatArray, LetterTable, LetterToken, RankingTask
from rerank_guard.faults.forwarded import forwarded
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _table(target: RerankTarget) -> LetterTable:
    assert isinstance(target, KnowsLetters)
    return target.letter_table()


def _lettered(target: RerankTarget, letters: Sequence[LetterToken]) -> Wrapped:
    table = replace(_table(target), letters=tuple(letters))
    return Wrapped(target, letter_table=lambda: table)


def _with_letter(change: Callable[[LetterToken], LetterToken]) -> Inject:
    """The second letter changed, which every task uses."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        letters = list(_table(target).letters)
        letters[1] = change(letters[1])
        return _lettered(target, letters)

    return inject


def _two_tokens(letter: LetterToken) -> LetterToken:
    """Such as "BB", of which the first token alone is scored."""
    return LetterToken(letter.letter * 2, (*letter.token_ids, *letter.token_ids), letter.scored_token_id)


def _variants(table: LetterTable) -> list[int]:
    """An id for each letter that belongs to no letter, in place of that of " A", which only the tokenizer knows."""
    taken = {token for letter in table.letters for token in letter.token_ids}
    free = (token for token in range(max(taken) + len(table.letters) + 1) if token not in taken)
    return [next(free) for _ in table.letters]


def _other_variant(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The ids that are read are not those that the letters have where the answer is."""
    table = _table(target)
    variants = _variants(table)
    with_table = _lettered(
        target,
        [replace(letter, scored_token_id=variant) for letter, variant in zip(table.letters, variants, strict=True)],
    )
    if not isinstance(target, ForwardsTokens) or not isinstance(target, ShowsScoringPrompts):
        return with_table
    return forwarded(
        with_table,
        lambda tasks: [prompt.before_answer for prompt in target.scoring_prompts(tasks)],
        letter_ids=variants,
    )


def _too_few(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    most = max(task.n_candidates for task in target.tasks())
    return _lettered(target, _table(target).letters[: most - 1])


def _collision(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The second letter has the first one's id, and so its score."""
    letters = list(_table(target).letters)
    letters[1] = replace(letters[1], token_ids=letters[0].token_ids, scored_token_id=letters[0].scored_token_id)

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        return [np.concatenate([row[:1], row[:1], row[2:]]) for row in rows]

    return rescored(_lettered(target, letters), change)


def _injector(id: str, fault: Fault, what: str, inject: Inject) -> Injector:
    return Injector(id, fault, what, inject, needs=(KnowsLetters,))


T1 = _injector("T1", MULTI_TOKEN_LETTER, "a letter is two tokens", _with_letter(_two_tokens))
T2 = _injector(
    "T2",
    WRONG_LETTER_VARIANT,
    "the ids that are scored are not those that the prompt's letters have",
    _other_variant,
)
T3 = _injector("T3", LETTERS_EXHAUSTED, "there are fewer letters than candidates", _too_few)
T4 = _injector("T4", LETTER_COLLISION, "two letters share an id", _collision)
