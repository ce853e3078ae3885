"""Scores of a reranker with an adapter and of its base, for the tests of the saved model."""

from __future__ import annotations

import numpy as np

from guard.letter_logits import letters_of, log_softmax, world
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.core.types import FloatArray, RankingTask

__all__ = ["KINDS", "adapted"]

KINDS = {"logits": lambda row: row, "log-probabilities": log_softmax, "probabilities": letter_probabilities}
"""The three kinds of scores, from logits."""


def adapted(
    n: int = 20, *, strength: float = 2.0, seed: int = 0
) -> tuple[list[RankingTask], list[FloatArray], list[FloatArray]]:
    """Tasks, the scores of the trained reranker, and those of the base."""
    tasks, _, logits, _ = world(32, n, seed=seed)
    base = letters_of(logits, tasks)
    rng = np.random.default_rng(seed + 1)
    return tasks, [row + rng.normal(scale=strength, size=len(row)) for row in base], base
