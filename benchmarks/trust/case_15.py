"""Evidence that is exact has a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import (
    cross_encoder,
    letters,
    letters_with,
    mapped,
    rows_by,
    score_all,
    sigmoid,
    softmax,
    tasks,
)

from rerank_guard.core.types import FloatArray, RankingTask


def _whole_vocabulary(seed: int) -> Asked:
    def proba(given: Sequence[RankingTask]) -> list[FloatArray]:
        """The letters' share of a vocabulary with a thousand other tokens."""
        rows = []
        for row in letters(seed).score(given):
            odds = np.exp(row - row.max())
            rows.append(odds / (odds.sum() + 1.5))
        return rows

    return Asked(letters_with(seed, predict_proba=proba))


def _sums_to(share: float, n: int) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        proba = mapped(rows_by(score_all), lambda row: share * softmax(row))
        return Asked(cross_encoder(tasks(300, n, seed), predict_proba=proba))

    return build


def _softmax_of_batch(seed: int) -> Asked:
    def proba(given: Sequence[RankingTask]) -> list[FloatArray]:
        rows = [np.exp(score_all(task)) for task in given]
        total = sum(float(row.sum()) for row in rows)
        return [row / total for row in rows]

    return Asked(cross_encoder(tasks(200, 15, seed), predict_proba=proba))


def _cut(task: RankingTask, n: int) -> RankingTask:
    """The first n candidates, with the target in place of the last where it is not among them."""
    listed = list(task.candidates[:n])
    ids = [item.item_id for item in listed]
    if task.target_id not in ids:
        place = sum(map(ord, task.query_id)) % n
        listed[place] = next(item for item in task.candidates if item.item_id == task.target_id)
        ids[place] = task.target_id
    return replace(task, candidates=tuple(listed), target_index=ids.index(task.target_id))


def _other_n(trained: int | Sequence[int], judged: int | Sequence[int]) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        training = tasks(800, trained, seed + 50, prefix="train")
        return Asked(cross_encoder(tasks(400, judged, seed), training_tasks=lambda: training))

    return build


def _letters_cut(least: int, greatest: int) -> Callable[[int], Asked]:
    """The packaged reranker reads whole lists, and is trained with N=20."""

    def build(seed: int) -> Asked:
        given = letters(seed).tasks()
        judged = [_cut(task, least + index % (greatest - least + 1)) for index, task in enumerate(given)]
        return Asked(letters_with(seed, tasks=lambda: judged, reported_metrics=dict))

    return build


def _float32(seed: int) -> Asked:
    proba = mapped(rows_by(score_all), lambda row: softmax(row).astype(np.float32))
    return Asked(cross_encoder(tasks(300, 20, seed), predict_proba=proba))


CASES = (
    Case(
        15,
        "probabilities are a softmax over the whole vocabulary",
        _whole_vocabulary,
        fault("probabilities-not-normalised"),
        sibling=False,
        fast=True,
    ),
    Case(
        15,
        "trained with the largest N, test lists of 60 % of it to all",
        _letters_cut(12, 20),
        fault("train-test-mismatch"),
        sibling=False,
    ),
    Case(
        15,
        "cross-encoder, probabilities sum to 0.6, N=10",
        _sums_to(0.6, 10),
        fault("probabilities-not-normalised"),
        fast=True,
    ),
    Case(
        15,
        "softmax over the whole batch instead of a task",
        _softmax_of_batch,
        fault("probabilities-not-normalised"),
    ),
    Case(
        15,
        "sigmoids given as probabilities",
        lambda seed: Asked(cross_encoder(tasks(300, 20, seed), predict_proba=mapped(rows_by(score_all), sigmoid))),
        fault("probabilities-not-normalised", "score-scale-wrong"),
    ),
    Case(15, "letters trained with N=20, judged with 10 to 18", _letters_cut(10, 18), fault("train-test-mismatch")),
    Case(
        15, "healthy: a cross-encoder reads pairs: trained with N=10, judged with N=20", _other_n(10, 20), silent()
    ),
    Case(15, "healthy: trained and judged with 10 to 20", _other_n(range(10, 21), range(10, 21)), silent()),
    Case(15, "healthy: probabilities rounded to float32", _float32, silent()),
)
