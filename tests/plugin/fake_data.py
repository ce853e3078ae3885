"""What the fake targets are made of: tasks, a training job, letters, and scores that depend on a task's content alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b

import numpy as np
from scipy.special import ndtri

from rerank_guard.monitor import TrainingMonitor
from rerank_guard.recorder import TraceRecorder
from rerank_guard.types import FloatArray, Item, LetterTable, LetterToken, RankingTask, TrainingTrace

__all__ = [
    "N_CANDIDATES",
    "N_TASKS",
    "history_of",
    "make_letters",
    "make_scores",
    "make_tasks",
    "make_trace",
    "noise",
    "run_loop",
    "softmax",
]

N_CANDIDATES = 20
N_TASKS = 400


def make_tasks(n_tasks: int = N_TASKS, n_candidates: int = N_CANDIDATES, seed: int = 7) -> list[RankingTask]:
    """Tasks whose targets stand at uniform slots."""
    rng = np.random.default_rng(seed)
    items = [Item(f"i{number}", f"Film {number:03d}") for number in range(200)]
    tasks = []
    for user in range(n_tasks):
        chosen = rng.choice(len(items), size=n_candidates + 2, replace=False)
        candidates = tuple(items[index] for index in chosen[2:])
        slot = int(rng.integers(n_candidates))
        tasks.append(
            RankingTask(
                query_id=f"u{user}",
                history=tuple(items[index] for index in chosen[:2]),
                candidates=candidates,
                target_id=candidates[slot].item_id,
                target_index=slot,
            )
        )
    return tasks


def make_trace(examples: int = 1200, n_candidates: int = N_CANDIDATES, final: float = 0.2) -> TrainingTrace:
    """A trace whose letter NLL falls from log N to `final` times log N."""
    rng = np.random.default_rng(11)
    share = np.linspace(1.0, final, examples)
    steps = examples // 20
    return TrainingTrace(
        letter_nll=np.log(n_candidates) * share * rng.uniform(0.8, 1.2, examples),
        n_candidates=np.full(examples, n_candidates, dtype=np.int64),
        example_step=np.repeat(np.arange(steps, dtype=np.int64), 20),
        first_pass=np.ones(examples, dtype=np.bool_),
        learning_rate=np.full(steps, 1e-3),
        gradient_norm=rng.uniform(0.5, 2.0, steps),
        planned_steps=steps,
        trainable_parameters=1000,
        seconds=0.5,
        target_index=rng.integers(n_candidates, size=examples),
    )


def run_loop(plan: TrainingTrace, progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
    """A training loop that comes to the letter NLLs of `plan`, recorded as any loop would be."""
    recorder = TraceRecorder(plan.planned_steps, plan.trainable_parameters, monitor=monitor)
    for step in range(plan.optimizer_steps):
        rows = np.flatnonzero(plan.example_step == step)
        n = plan.n_candidates[rows]
        logits = np.zeros((len(rows), n.max()))
        # the other letters at 0 and the target here: its probability is exp(-NLL)
        nll = plan.letter_nll[rows]
        logits[np.arange(len(rows)), plan.target_index[rows]] = np.log(n - 1) - nll - np.log(-np.expm1(-nll))
        recorder.letters(logits, plan.target_index[rows], n, rows.tolist())
        recorder.step(plan.learning_rate[step], plan.gradient_norm[step])
        progress(step + 1, plan.planned_steps, "loss 1.00 (chance 3.00)")
        if recorder.decided:
            break
    return recorder.finish()


def make_letters() -> LetterTable:
    """Letters A to Z, each one token."""
    return LetterTable(
        tuple(LetterToken(chr(65 + slot), (100 + slot,), 100 + slot) for slot in range(26)), unk_token_id=0
    )


@cache
def noise(history: tuple[str, ...], item_id: str, seed: int) -> float:
    """Standard normal by what it is about, not by when it is drawn: a task asked again, alone or reordered keeps it."""
    digest = blake2b(repr((seed, history, item_id)).encode(), digest_size=8).digest()
    return float(ndtri((int.from_bytes(digest) + 0.5) / 2.0**64))


def make_scores(tasks: Sequence[RankingTask], lift: float = 2.0, seed: int = 3) -> list[FloatArray]:
    """Standard normal scores by history and item, the target's raised by `lift`: far above chance, below perfect."""
    rows = []
    for task in tasks:
        history = history_of(task)
        row = np.array([noise(history, item_id, seed) for item_id in task.candidate_ids])
        if task.target_id in task.candidate_ids:
            row[task.candidate_ids.index(task.target_id)] += lift
        rows.append(row)
    return rows


def history_of(task: RankingTask) -> tuple[str, ...]:
    return tuple(item.item_id for item in task.history)


def softmax(rows: Sequence[FloatArray]) -> list[FloatArray]:
    return [np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in rows]
