"""How time and memory grow: with N, with the prompt's length, with the users that are scored, and with those judged."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.speed.peak import peak_megabytes
from benchmarks.speed.workload import synthetic_tasks, tiny_workload
from tqdm import tqdm

from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.core.types import RankingTask
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base

__all__ = ["measure"]

N = (2, 5, 10, 20, 35, 50)
LENGTHS = (100, 200, 400, 800, 1_200, 2_000)
SCORED = (100, 1_000, 10_000, 100_000)
JUDGED = (100, 1_000, 10_000, 100_000, 1_000_000)
PROMPTS = 96
REPEATS = 3
LONG = 100_000
WITHOUT_HISTORY, HISTORY_LINE = 80, 4.1
"""Tokens of a prompt of ten candidates, about, and of a line of its history."""
N_OF_MANY = 5
HISTORY_OF_MANY = 3


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section: each a curve of points with seconds and MB, and the exponents fitted to them.

    Each point is measured in a process of its own: memory freed by an earlier point would hide what a later one needs.
    """
    curves = {
        "candidates": (N, _of_candidates),
        "prompt_tokens": (LENGTHS, _of_length),
        "users_scored": (SCORED, _of_users),
        "users_judged": (JUDGED, _judging),
    }
    spawn = multiprocessing.get_context("spawn")
    figures = {}
    with tqdm(total=sum(len(sizes) for sizes, _ in curves.values()), desc="growth", leave=False) as bar:
        for name, (sizes, make) in curves.items():
            points = []
            for size in sizes:
                with spawn.Pool(1) as pool:
                    points.append(pool.apply(_point, (make, size, seed, torch.get_num_threads())))
                bar.update()
            figures[name] = {
                "points": points,
                "exponent_of_time": _exponent(points, "seconds"),
                "exponent_of_time_at_the_top": _exponent(points[-3:], "seconds"),
                "exponent_of_memory_at_the_top": _exponent(points[-3:], "megabytes"),
            }
    return figures


def _point(
    make: Callable[[int, np.random.Generator], tuple[float, Callable[[], object]]],
    size: int,
    seed: int,
    threads: int,
) -> dict[str, Any]:
    torch.set_num_threads(threads)
    at, work = make(size, np.random.default_rng(seed))
    taken: list[float] = []
    megabytes = peak_megabytes(lambda: taken.append(_timed(work)))
    if size < LONG:  # what takes minutes is run once: its first call costs little more
        taken = [_timed(work) for _ in range(REPEATS)]
    return {"at": at, "seconds": round(min(taken), 5), "megabytes": megabytes}


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _exponent(points: Sequence[dict[str, Any]], of: str) -> float | None:
    """The slope of log against log, by least squares; None where a figure is missing or 0."""
    values = [point[of] for point in points]
    if not all(values):
        return None
    slope = np.polyfit(np.log([point["at"] for point in points]), np.log(values), 1)[0]
    return round(float(slope), 2)


def _of_candidates(n: int, rng: np.random.Generator) -> tuple[float, Callable[[], object]]:
    tasks = synthetic_tasks(PROMPTS, n, 10, rng)
    return n, partial(tiny_workload(0, 1).reranker.score_tasks, tasks)


def _of_length(length: int, rng: np.random.Generator) -> tuple[float, Callable[[], object]]:
    """Ten candidates, and a history that fills the prompt; the point is at the number of tokens that results."""
    reranker = tiny_workload(0, 1).reranker
    tasks = synthetic_tasks(PROMPTS, 10, max(1, round((length - WITHOUT_HISTORY) / HISTORY_LINE)), rng)
    tokens = [len(reranker.encoder.encode_array(task.history, task.candidates)) for task in tasks]
    return round(float(np.mean(tokens)), 1), partial(reranker.score_tasks, tasks)


def _of_users(users: int, rng: np.random.Generator) -> tuple[float, Callable[[], object]]:
    """Short prompts on the embedded base: a hundred thousand of them are scored, not extrapolated."""
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    some = synthetic_tasks(min(users, 2_000), N_OF_MANY, HISTORY_OF_MANY, rng)
    tasks = [some[index % len(some)] for index in range(users)]
    return users, partial(reranker.score_tasks, tasks)


def _judging(users: int, rng: np.random.Generator) -> tuple[float, Callable[[], object]]:
    """Three checks on synthetic scores of N=20: well formed, not uniform, and Recall@5 above chance and a baseline."""
    n = 20
    some = synthetic_tasks(min(users, 2_000), n, HISTORY_OF_MANY, rng)
    tasks = [some[index % len(some)] for index in range(users)]
    scores = rng.standard_normal((users, n))
    scores[np.arange(users), [task.target_index for task in tasks]] += 1.0
    chances = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return users, partial(_judge, list(scores), list(chances), list(rng.standard_normal((users, n))), tasks)


def _judge(scores: list[Any], chances: list[Any], baseline: list[Any], tasks: Sequence[RankingTask]) -> None:
    verdicts = [
        scores_well_formed(scores, tasks),
        probabilities_not_uniform(chances),
        recall_beats_baseline(scores, tasks, 5, {"noise": baseline}),
    ]
    failed = [verdict.check for verdict in verdicts if verdict.status == "failed"]
    if failed:
        raise RuntimeError(f"synthetic scores without a fault were failed by {failed}")
