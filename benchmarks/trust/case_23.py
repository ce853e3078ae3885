"""Lists in the order of a first stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, first_stage_tasks, letters, letters_with, tasks

from rerank_guard.core.types import FloatArray, RankingTask


def _first_stage(n_users: int, n: int, error: float) -> Callable[[int], Asked]:
    return lambda seed: Asked(cross_encoder(first_stage_tasks(n_users, n, seed, error=error)))


def _listed_order(task: RankingTask) -> FloatArray:
    return np.array(task.first_stage_scores or np.zeros(task.n_candidates))


def _letters_in_order(seed: int) -> Asked:
    """The packaged reranker on lists that a noisy first stage has sorted."""
    rng = np.random.default_rng(seed)
    judged = []
    for task, truth in zip(letters(seed).tasks(), letters(seed).oracle_proba(letters(seed).tasks()), strict=True):
        first = np.log(truth) + 3.0 * rng.normal(size=len(truth))
        order = np.argsort(-first)
        listed = tuple(task.candidates[index] for index in order)
        place = [item.item_id for item in listed].index(task.target_id)
        scores = tuple(float(first[index]) for index in order)
        judged.append(replace(task, candidates=listed, target_index=place, first_stage_scores=scores))
    return Asked(letters_with(seed, tasks=lambda: judged, reported_metrics=dict))


def _tied_first_stage(seed: int) -> Asked:
    """First-stage scores of one decimal."""
    judged = []
    for task in first_stage_tasks(400, 20, seed, error=1.2):
        rounded = tuple(round(score, 1) for score in task.first_stage_scores or ())
        judged.append(replace(task, first_stage_scores=rounded))
    return Asked(cross_encoder(judged))


def _half(rng: np.random.Generator, n: int) -> int:
    return int(rng.integers(n // 2)) if rng.random() < 0.8 else int(rng.integers(n))


CASES = (
    Case(23, "a list in first-stage order, N=20", _first_stage(400, 20, 1.0), silent(), sibling=False, fast=True),
    Case(
        23,
        "the ranking is the listed order of the first stage",
        lambda seed: Asked(cross_encoder(first_stage_tasks(400, 20, seed, error=1.0), _listed_order)),
        fault("baseline-not-beaten", "silent-fallback", not_says=("does not beat the listed order",)),
        sibling=False,
    ),
    Case(23, "healthy: a weak first stage, N=50", _first_stage(300, 50, 2.0), silent()),
    Case(23, "healthy: letters on lists in first-stage order", _letters_in_order, silent()),
    Case(23, "healthy: first-stage scores of one decimal, with ties", _tied_first_stage, silent()),
    Case(
        23,
        "no first stage, 80 % of the targets in the first half",
        lambda seed: Asked(cross_encoder(tasks(400, 20, seed, position=_half))),
        fault("target-position-skew"),
    ),
    Case(
        23,
        "no first stage, all targets in the last place, N=10",
        lambda seed: Asked(cross_encoder(tasks(150, 10, seed, position=lambda rng, n: n - 1))),
        fault("target-position-skew"),
    ),
)
