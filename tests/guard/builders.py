"""Small tasks, letter tables and traces for the tests of the checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.types import FloatArray, Item, LetterTable, LetterToken, RankingTask, TrainingTrace

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_task(position: int | None, n: int, *, user: int = 0, target_index: int | None = -1) -> RankingTask:
    """One task with its target at `position` (None: not listed); target_index says the same unless given."""
    candidates = tuple(Item(f"u{user}-i{i}", f"item {i}") for i in range(n))
    target_id = "elsewhere" if position is None else candidates[position].item_id
    return RankingTask(f"user-{user}", (), candidates, target_id, position if target_index == -1 else target_index)


def make_tasks(positions: Sequence[int | None], lengths: Sequence[int]) -> list[RankingTask]:
    return [make_task(position, n, user=u) for u, (position, n) in enumerate(zip(positions, lengths, strict=True))]


def random_tasks(rng: np.random.Generator, lengths: Sequence[int]) -> list[RankingTask]:
    return make_tasks([int(rng.integers(n)) for n in lengths], lengths)


def noisy_scores(tasks: Sequence[RankingTask], rng: np.random.Generator, signal: float) -> list[FloatArray]:
    """Standard normal scores, with `signal` added at the target."""
    rows = []
    for task in tasks:
        row = rng.normal(size=task.n_candidates)
        if task.target_index is not None:
            row[task.target_index] += signal
        rows.append(row)
    return rows


def scores_that_hit(tasks: Sequence[RankingTask], hits: Sequence[bool]) -> list[FloatArray]:
    """Distinct scores with the target first where it shall be a hit, and last elsewhere."""
    rows = []
    for task, hit in zip(tasks, hits, strict=True):
        row = np.arange(task.n_candidates, dtype=np.float64)
        if task.target_index is not None:
            row[task.target_index] = 1000.0 if hit else -1000.0
        rows.append(row)
    return rows


def make_letter_table(n: int, *, unk: int | None = 0) -> LetterTable:
    return LetterTable(tuple(LetterToken(LETTERS[i], (100 + i,), 100 + i) for i in range(n)), unk_token_id=unk)


def make_trace(
    letter_nll: FloatArray,
    *,
    n: int = 50,
    steps: int = 400,
    planned: int | None = None,
    learning_rate: float = 1e-3,
    trainable: int = 16_000,
    gradient_norm: FloatArray | None = None,
    first_pass: np.ndarray | None = None,
    target_index: np.ndarray | None = None,
) -> TrainingTrace:
    examples = len(letter_nll)
    return TrainingTrace(
        letter_nll=np.asarray(letter_nll, dtype=np.float64),
        n_candidates=np.full(examples, n, dtype=np.int64),
        example_step=np.arange(examples, dtype=np.int64) * max(steps, 1) // max(examples, 1),
        first_pass=np.ones(examples, dtype=np.bool_) if first_pass is None else first_pass,
        learning_rate=np.full(steps, learning_rate),
        gradient_norm=np.ones(steps) if gradient_norm is None else gradient_norm,
        planned_steps=steps if planned is None else planned,
        trainable_parameters=trainable,
        seconds=1.0,
        target_index=target_index,
    )


def chance_nll(rng: np.random.Generator, examples: int, n: int = 50, spread: float = 0.3) -> FloatArray:
    """Letter NLL of a model whose logits know nothing: noise of this spread, the target's position uniform."""
    logits = rng.normal(scale=spread, size=(examples, n))
    return np.log(np.exp(logits).sum(axis=1)) - logits[:, 0]


def learned_nll(rng: np.random.Generator, examples: int, n: int = 50, low: float = 1.4) -> FloatArray:
    """Letter NLL that falls from chance to about `low` over the run, with noise."""
    path = low + (np.log(n) - low) * np.exp(-np.arange(examples) / (0.15 * examples))
    return np.maximum(path + rng.normal(scale=0.5, size=examples), 0.0)
