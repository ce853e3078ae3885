"""Faults of the letters: what they are tokenised to, how many there are, which ids are read."""

# ruff: noqa: ARG001  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.forwarded import forwarded
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.target import ForwardsTokens, KnowsLetters, RerankTarget, ShowsScoringPrompts
from rerank_guard.types import FloatArray, LetterTable, LetterToken, RankingTask

__all__ = ["LETTER_FAULTS"]


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
    """An id for each letter that is no letter's: as good a stand-in for " A" as any, without the tokenizer."""
    taken = {token for letter in table.letters for token in letter.token_ids}
    free = (token for token in range(max(taken) + len(table.letters) + 1) if token not in taken)
    return [next(free) for _ in table.letters]


def _other_variant(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The ids that are read are not those that the letters have where the answer stands."""
    table = _table(target)
    variants = _variants(table)
    told = _lettered(
        target,
        [replace(letter, scored_token_id=variant) for letter, variant in zip(table.letters, variants, strict=True)],
    )
    if not isinstance(target, ForwardsTokens) or not isinstance(target, ShowsScoringPrompts):
        return told
    return forwarded(
        told,
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


def _fault(zoo_id: str, name: str, what: str, inject: Inject) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.LETTERS, inject, needs=(KnowsLetters,))


LETTER_FAULTS = (
    _fault("T1", "multi-token-letter", "a letter is two tokens", _with_letter(_two_tokens)),
    _fault(
        "T2",
        "wrong-letter-variant",
        "the ids that are scored are not those that the prompt's letters have",
        _other_variant,
    ),
    _fault("T3", "letters-exhausted", "there are fewer letters than candidates", _too_few),
    _fault("T4", "letter-collision", "two letters share an id", _collision),
)
