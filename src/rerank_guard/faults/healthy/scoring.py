"""The healthy reranker's two ways of scoring: fast, from the texts, and plain, from one prompt's token ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.healthy.prompt import read_prompt
from rerank_guard.faults.healthy.tokenizer import LETTER_IDS
from rerank_guard.faults.healthy.weights import Weights, features, word_match, words_vector

__all__ = ["letter_logits", "next_token_logits"]

_LISTED = 6.0
"""Added to the logits of the letters that the prompt lists, so that the model answers with one of them."""

_UNLISTED = 2.0
"""Added to those of the other letters."""


def letter_logits(weights: Weights, tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """(N,) logits a task, straight from the texts, all tasks of one N at once."""
    rows: list[FloatArray] = [np.zeros(0)] * len(tasks)
    by_length: dict[int, list[int]] = {}
    for index, task in enumerate(tasks):
        by_length.setdefault(task.n_candidates, []).append(index)
    for n, indices in by_length.items():
        history, candidates = features([tasks[index] for index in indices])
        logits = word_match(weights, history, candidates) + weights.prior[:n] + _LISTED
        for index, row in zip(indices, logits, strict=True):
            rows[index] = row
    return rows


def next_token_logits(weights: Weights, noise: FloatArray, token_ids: Sequence[int]) -> FloatArray:
    """(V,) logits after the last token of one prompt, from its ids alone.

    Args:
        weights: of the model.
        noise: (V, V) logits after each token, for all that is not a letter after the cue.
        token_ids: the prompt, cut or whole.
    """
    logits: FloatArray = noise[token_ids[-1]].copy()
    words = read_prompt(token_ids)
    if words is None:
        return logits
    logits[np.array(LETTER_IDS)] = weights.prior + _UNLISTED
    of_history = words_vector(words.history) @ weights.matrix
    for position, of_candidate in words.candidates.items():
        match = float(of_history @ words_vector(of_candidate))
        logits[LETTER_IDS[position]] += (_LISTED - _UNLISTED) + match
    return logits
