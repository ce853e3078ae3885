"""Small rerankers that can do no more than score, over films with tastes; and the packaged letter reranker, wrapped."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import FloatArray, Item, RankingTask
from rerank_guard.faults import TrainedOnce, Wrapped
from rerank_guard.faults.healthy import HealthyReranker

__all__ = [
    "Only",
    "cross_encoder",
    "first_stage_tasks",
    "letters",
    "letters_with",
    "mapped",
    "noise",
    "rows_by",
    "score_all",
    "sigmoid",
    "softmax",
    "tasks",
    "taste",
    "utility",
]

_ADJECTIVES = ("Silent", "Golden", "Broken", "Distant", "Crimson", "Hidden", "Frozen", "Burning", "Lost", "Quiet")
_NOUNS = ("River", "Station", "Garden", "Mirror", "Harvest", "Voyage", "Tower", "Winter", "Letter", "Bridge")
_SIZE = 6
_SHARPNESS = 3.0
"""Log-odds of a film for each unit of its utility."""

Scorer = Callable[[RankingTask], FloatArray]


class Only:
    """A reranker that has the members it is given, and no other."""

    def __init__(self, **members: Any) -> None:
        vars(self).update(members)


@cache
def catalogue(size: int = 300) -> tuple[Item, ...]:
    """Films with titles of three words, each title once."""
    titles = [f"{a} {b} {c}" for c in ("Story", "Song", "Road", "Night") for a in _ADJECTIVES for b in _NOUNS]
    order = np.random.default_rng(11).permutation(len(titles))
    return tuple(Item(f"m{number}", titles[index]) for number, index in enumerate(order[:size].tolist()))


@lru_cache(maxsize=20_000)
def taste(text: str) -> FloatArray:
    """(6,) what a film is like, standard normal, by its title alone."""
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=_SIZE)


def noise(*key: object) -> float:
    """Standard normal by its key: rescored, alone or reordered, a pair keeps it."""
    return float(np.random.default_rng(zlib.crc32(repr(key).encode())).normal())


def utility(task: RankingTask) -> FloatArray:
    """(N,) about standard normal: how well each candidate goes with the history."""
    if not task.history:
        return np.zeros(task.n_candidates)
    user = sum(taste(item.text) for item in task.history) / np.sqrt(len(task.history))
    return np.array([taste(item.text) @ user for item in task.candidates]) / np.sqrt(_SIZE)


def score_all(task: RankingTask) -> FloatArray:
    """(N,) the log-odds that the targets are drawn with, and a little noise by the pair."""
    history = tuple(item.text for item in task.history)
    return _SHARPNESS * utility(task) + 0.1 * np.array([noise(history, item.text) for item in task.candidates])


def tasks(
    n_users: int,
    n: int | Sequence[int],
    seed: int = 0,
    *,
    history: int | Sequence[int] = 6,
    prefix: str = "user",
    position: Callable[[np.random.Generator, int], int] | None = None,
) -> list[RankingTask]:
    """Users who take the films that they like, listed among N at a uniform position.

    Args:
        n_users: how many.
        n: N of all, or the N to draw from.
        seed: of all that is drawn.
        history: films of a history, or the numbers to draw from.
        prefix: begins each query id.
        position: where the target is listed; None for anywhere.
    """
    rng = np.random.default_rng(900 + seed)
    films = catalogue()
    made = []
    for user in range(n_users):
        of, seen = _one_of(rng, n), _one_of(rng, history)
        chosen = [films[index] for index in rng.choice(len(films), size=of + seen, replace=False)]
        task = RankingTask(f"{prefix}-{user}", tuple(chosen[of:]), tuple(chosen[:of]), chosen[0].item_id, 0)
        taken = int(rng.choice(of, p=softmax(_SHARPNESS * utility(task))))
        if position is not None:
            place = position(rng, of)
            chosen[taken], chosen[place] = chosen[place], chosen[taken]
            taken = place
        candidates = tuple(chosen[:of])
        made.append(replace(task, candidates=candidates, target_id=candidates[taken].item_id, target_index=taken))
    return made


def _one_of(rng: np.random.Generator, numbers: int | Sequence[int]) -> int:
    return numbers if isinstance(numbers, int) else int(rng.choice(np.asarray(numbers)))


def first_stage_tasks(
    n_users: int, n: int, seed: int = 0, *, error: float = 1.0, pool: int | None = None, shown: bool = True
) -> list[RankingTask]:
    """Lists in the order of a first stage, whose scores are the utility and an error of this standard deviation.

    Args:
        n_users: how many.
        n: films listed.
        seed: of all that is drawn.
        error: of the first stage, beside utilities of about 1.
        pool: films that the first stage ranks, of which it lists the best n; None for n of them.
        shown: the tasks hold the first stage's scores.
    """
    rng = np.random.default_rng(700 + seed)
    made = []
    for task in tasks(n_users, pool or n, seed):
        first = utility(task) + error * rng.normal(size=task.n_candidates)
        order = np.argsort(-first)[:n]
        listed = tuple(task.candidates[index] for index in order)
        ids = [item.item_id for item in listed]
        index = ids.index(task.target_id) if task.target_id in ids else None
        scores = tuple(float(first[each]) for each in order) if shown else None
        made.append(replace(task, candidates=listed, target_index=index, first_stage_scores=scores))
    return made


def rows_by(scorer: Scorer) -> Callable[[Sequence[RankingTask]], list[FloatArray]]:
    """`score` of a reranker that scores each task by itself."""
    return lambda given: [np.asarray(scorer(task), dtype=np.float64) for task in given]


def cross_encoder(
    judged: Sequence[RankingTask], scorer: Scorer = score_all, *, name: str = "cross-encoder", **more: Any
) -> RerankTarget:
    """A reranker with `tasks` and `score`, and what else it is given."""
    members = {"name": name, "tasks": lambda: judged, "score": rows_by(scorer), **more}
    return Only(**members)  # type: ignore[return-value]


@cache
def letters(seed: int = 0) -> TrainedOnce:
    """The packaged letter reranker on 200 users; its job runs once a process."""
    return TrainedOnce(HealthyReranker(seed, n_test=200))


def letters_with(seed: int = 0, **replaced: Any) -> RerankTarget:
    """The packaged letter reranker with some methods replaced."""
    return Wrapped(letters(seed), **replaced)


def softmax(row: FloatArray) -> FloatArray:
    odds = np.exp(row - np.max(row))
    return np.asarray(odds / odds.sum())


def sigmoid(row: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-row)))


def mapped(
    score: Callable[[Sequence[RankingTask]], Sequence[FloatArray]], change: Callable[[FloatArray], FloatArray]
) -> Callable[[Sequence[RankingTask]], list[FloatArray]]:
    """A `score` whose rows are changed."""
    return lambda given: [np.asarray(change(np.asarray(row))) for row in score(given)]
