"""The healthy reranker's model: a bilinear form of the words of history and candidate, plus a bias a letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.healthy.prompt import clean_title
from rerank_guard.faults.healthy.tokenizer import LETTERS, encode, token_text
from rerank_guard.faults.healthy.world import all_words

__all__ = ["PARAMETERS", "Weights", "features", "fresh_weights", "word_match", "words_vector"]

SCALE = 30.0
"""Factor of the adapter beside the base, as LoRA's alpha over rank."""

_WORD = {word: index for index, word in enumerate(all_words())}

PARAMETERS = len(_WORD) ** 2 + len(LETTERS)
"""Numbers in the adapter."""


@dataclass(frozen=True)
class Weights:
    """Base and adapter, which add up: (words, words) forms and (letters,) biases."""

    base_words: FloatArray
    base_letters: FloatArray
    adapter_words: FloatArray
    adapter_letters: FloatArray

    @property
    def matrix(self) -> FloatArray:
        """The (words, words) form in use: history words by candidate words."""
        return self.base_words + SCALE * self.adapter_words

    @property
    def prior(self) -> FloatArray:
        """The (letters,) biases in use."""
        return self.base_letters + SCALE * self.adapter_letters

    def named(self) -> Iterator[tuple[str, FloatArray]]:
        """Each tensor under the name that a report shows."""
        yield "base.words", self.base_words
        yield "base.letters", self.base_letters
        yield "adapter.words", self.adapter_words
        yield "adapter.letters", self.adapter_letters

    def with_adapter(self, words: FloatArray, letters: FloatArray) -> Weights:
        """The same base with another adapter."""
        return replace(self, adapter_words=words, adapter_letters=letters)

    def without_adapter(self) -> Weights:
        """The base alone."""
        return replace(
            self,
            adapter_words=np.zeros_like(self.adapter_words),
            adapter_letters=np.zeros_like(self.adapter_letters),
        )

    def merged(self) -> Weights:
        """The adapter added to the base while it stays active, which applies it twice."""
        return replace(self, base_words=self.matrix, base_letters=self.prior)


def fresh_weights(seed: int) -> Weights:
    """An untrained model: a base that knows no films and slightly prefers some letters, and an adapter of zeros."""
    rng = np.random.default_rng(4000 + seed)
    words = len(_WORD)
    return Weights(
        rng.normal(scale=0.3, size=(words, words)),
        rng.normal(scale=0.15, size=len(LETTERS)),
        np.zeros((words, words)),
        np.zeros(len(LETTERS)),
    )


def words_vector(words: Sequence[str]) -> FloatArray:
    """(words,) the share of each known word among the known ones of these."""
    known = [_WORD[word] for word in words if word in _WORD]
    return np.asarray(np.bincount(known, minlength=len(_WORD)) / max(1, len(known)))


def features(tasks: Sequence[RankingTask]) -> tuple[FloatArray, FloatArray]:
    """(U, words) of the histories and (U, N, words) of the candidates, for tasks of one N."""
    history = [words_vector([word for item in task.history for word in _title(item.text)]) for task in tasks]
    candidates = [[_title_vector(item.text) for item in task.candidates] for task in tasks]
    return np.array(history), np.array(candidates)


def word_match(weights: Weights, history: FloatArray, candidates: FloatArray) -> FloatArray:
    """(U, N) how well each candidate's words go with the history's: the letter logits without the letters' biases."""
    return np.asarray(np.einsum("unw,uw->un", candidates, history @ weights.matrix, optimize=True))


@lru_cache(maxsize=10_000)
def _title(text: str) -> tuple[str, ...]:
    # after a space, as titles are in the prompt
    return tuple(token_text(token).strip() for token in encode(" " + clean_title(text)))


@lru_cache(maxsize=10_000)
def _title_vector(text: str) -> FloatArray:
    return words_vector(_title(text))
