"""A synthetic language model's logits over a whole vocabulary, and the reranker that reads the letters from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guard.builders import LETTERS, random_tasks
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.types import FloatArray, LetterTable, LetterToken, RankingTask

VOCABULARY = 600
SPACED = 200
"""The id of " A" is that of "A" plus this."""


def lettered(n: int) -> LetterTable:
    return LetterTable(tuple(LetterToken(LETTERS[i], (100 + i,), 100 + i) for i in range(n)))


def world(
    users: int = 32, n: int | Sequence[int] = 20, *, sharp: float = 3.0, seed: int = 0
) -> tuple[list[RankingTask], list[ScoringPrompt], list[FloatArray], LetterTable]:
    """Tasks, their prompts, (V,) logits each, and the letters; the target's letter is a little likelier than the others."""
    rng = np.random.default_rng(seed)
    lengths = [n] * users if isinstance(n, int) else list(n)
    tasks = random_tasks(rng, lengths)
    prompts = [ScoringPrompt(task.query_id, "a prompt", (1, 2, 3), 2) for task in tasks]
    logits = []
    for task in tasks:
        row = rng.normal(scale=sharp, size=VOCABULARY)
        row[100 : 100 + task.n_candidates] += 4.0
        row[100 + (task.target_index or 0)] += 2.0
        logits.append(row)
    return tasks, prompts, logits, lettered(max(lengths) + 1)


def letters_of(logits: Sequence[FloatArray], tasks: Sequence[RankingTask], first: int = 100) -> list[FloatArray]:
    return [row[first : first + task.n_candidates].copy() for row, task in zip(logits, tasks, strict=True)]


def log_softmax(row: FloatArray) -> FloatArray:
    shifted = row - row.max()
    return shifted - np.log(np.exp(shifted).sum())


def in_half_precision(rows: Sequence[FloatArray], rng: np.random.Generator) -> list[FloatArray]:
    """As bfloat16 logits of size 16 to 32 are: noise of 0.1, rounded to 0.125."""
    return [np.round((row + rng.normal(scale=0.1, size=len(row))) * 8.0) / 8.0 for row in rows]
