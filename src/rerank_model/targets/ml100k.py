"""MovieLens-100K as a target: a base pretrained on synthetic films, trained for minutes on two cores, N=20."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rerank_guard.core.population import Population
from rerank_guard.core.split_times import SplitTimes
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.ml100k import load_ml_100k
from rerank_model.data.popularity import item_popularity
from rerank_model.data.samplers import PopularitySampler
from rerank_model.data.splits import Split, leave_last_out
from rerank_model.data.tasks import held_out_tasks, training_tasks
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base, embedded_film_base
from rerank_model.targets.target import RerankerTarget
from rerank_model.training.settings import TrainingSettings

__all__ = ["MovieLensTarget", "make_chance_target", "make_target"]

N_CANDIDATES = 20
HISTORY_LENGTH = 6
STEPS = 320
BATCH_SIZE = 64


class MovieLensTarget(RerankerTarget):
    """A reranker on MovieLens, which also offers the times of interactions, the users left out, and the films' dates."""

    def __init__(
        self,
        *args: Any,
        times: SplitTimes,
        population: Population,
        item_times: Mapping[str, Mapping[str, float]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._times = times
        self._population = population
        self._item_times = item_times

    def split_times(self) -> SplitTimes:
        """Training interactions and test targets in time."""
        return self._times

    def population(self) -> Population:
        """All users with an interaction, and those without a test task."""
        return self._population

    def item_times(self) -> Mapping[str, Mapping[str, float]]:
        """When each film was last taken in training, and its release year."""
        return self._item_times


def make_target(seed: int = 0, device: str | None = None, *, cache_dir: Path | None = None) -> RerankerTarget:
    """Leave-last-out on MovieLens-100K, 20 candidates, negatives drawn by popularity, all 943 users judged.

    Args:
        seed: of negatives, positions and data order.
        device: where to run; None for CUDA where there is one.
        cache_dir: where the data are kept; fetched if they are not there.

    Raises:
        DataError: the data are not in the cache and cannot be fetched.
    """
    settings = TrainingSettings(
        lora=None,
        learning_rate=1e-3,
        batch_size=BATCH_SIZE,
        max_steps=STEPS,
        warmup_steps=20,
        schedule="cosine",
        seed=seed,
    )
    return _target(
        partial(Reranker.from_pretrained, embedded_film_base(), tokenizer=embedded_base(), device=device),
        "tiny Qwen3 pretrained on synthetic films, all weights trained",
        n_candidates=N_CANDIDATES,
        n_examples=STEPS * BATCH_SIZE,
        settings=settings,
        cutoffs=(5,),
        seed=seed,
        cache_dir=cache_dir,
    )


def make_chance_target(
    seed: int = 0, device: str | None = None, *, cache_dir: Path | None = None
) -> RerankerTarget:
    """A job that stays at chance: 50 candidates, 1,635 examples, 51 steps of which 20 warm up.

    Args:
        seed: of negatives, positions and data order.
        device: where to run; None for CUDA where there is one.
        cache_dir: where the data are kept; fetched if they are not there.

    Raises:
        DataError: the data are not in the cache and cannot be fetched.
    """
    settings = TrainingSettings(batch_size=16, gradient_accumulation=2, max_steps=51, warmup_steps=20, seed=seed)
    return _target(
        partial(Reranker.from_pretrained, embedded_base(), device=device),
        "tiny Qwen3 + LoRA, one epoch of 51 steps",
        n_candidates=50,
        n_examples=1635,
        settings=settings,
        cutoffs=(20,),
        seed=seed,
        cache_dir=cache_dir,
    )


def _target(
    new_reranker: Callable[[], Reranker],
    name: str,
    *,
    n_candidates: int,
    n_examples: int,
    settings: TrainingSettings,
    cutoffs: tuple[int, ...],
    seed: int,
    cache_dir: Path | None,
) -> RerankerTarget:
    interactions, catalogue = load_ml_100k(cache_dir)
    split = leave_last_out(interactions)
    sampler = PopularitySampler(split.train)
    rng = np.random.default_rng(seed)
    test = held_out_tasks(
        split.test, catalogue, sampler, n_candidates=n_candidates, history_length=HISTORY_LENGTH, rng=rng
    )
    train = training_tasks(
        split.train,
        catalogue,
        sampler,
        n_candidates=n_candidates,
        history_length=HISTORY_LENGTH,
        rng=rng,
        min_history=3,
        n_examples=n_examples,
    )
    return MovieLensTarget(
        new_reranker(),
        new_reranker=new_reranker,
        name=name,
        dataset=f"MovieLens-100K, leave-last-out, N={n_candidates}, popularity-sampled negatives",
        train_tasks=train,
        test_tasks=test,
        settings=settings,
        item_popularity=item_popularity(split.train),
        cutoffs=cutoffs,
        sampler=f"{n_candidates - 1} negatives drawn by popularity",
        split="leave-last-out",
        times=_times(interactions, split),
        population=_population(interactions, split),
        item_times={"last taken": _last_taken(split.train), "release year": _release_years(catalogue)},
    )


def _times(interactions: Interactions, split: Split) -> SplitTimes:
    users = np.array(interactions.user_ids)
    targets = split.test.targets
    return SplitTimes(
        users[split.train.user], split.train.timestamp, users[targets.user], targets.timestamp, "leave-last-out"
    )


def _population(interactions: Interactions, split: Split) -> Population:
    # a history that is too short leaves a user out whatever came next
    left_out = {reason: len(users) for reason, users in split.users_left_out.items()}
    return Population(len(interactions.user_ids), left_out, frozenset(left_out))


def _last_taken(train: Interactions) -> dict[str, float]:
    latest: dict[str, float] = {}
    for item, time in zip(train.item.tolist(), train.timestamp.tolist(), strict=True):
        name = train.item_ids[item]
        latest[name] = max(latest.get(name, -np.inf), float(time))
    return latest


def _release_years(catalogue: Catalogue) -> dict[str, float]:
    years = {item.item_id: re.search(r"\((\d{4})\)", item.text) for item in catalogue.items}
    return {item_id: float(match[1]) for item_id, match in years.items() if match}
