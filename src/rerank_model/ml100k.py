"""MovieLens-100K as a target: the base that knows made-up films, trained for minutes on two cores, N=20."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerank_model.config import TrainingSettings
from rerank_model.data.ml100k import load_ml_100k
from rerank_model.data.popularity import item_popularity
from rerank_model.data.samplers import PopularitySampler
from rerank_model.data.splits import leave_last_out
from rerank_model.data.tasks import held_out_tasks, training_tasks
from rerank_model.embedded import embedded_base, embedded_film_base
from rerank_model.reranker import Reranker
from rerank_model.target import RerankerTarget

__all__ = ["make_chance_target", "make_target"]

N_CANDIDATES = 20
HISTORY_LENGTH = 6
STEPS = 260
BATCH_SIZE = 64


def make_target(seed: int = 0, device: str | None = None, *, cache_dir: Path | None = None) -> RerankerTarget:
    """Leave-last-out on MovieLens-100K, 20 candidates, negatives drawn by popularity, all 943 users judged.

    Args:
        seed: of negatives, slots and data order.
        device: where to run; None for CUDA where there is one.
        cache_dir: where the data are kept; fetched if they are not there.

    Raises:
        DataError: the data are neither in the cache nor to be fetched.
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
        Reranker.from_pretrained(embedded_film_base(), tokenizer=embedded_base(), device=device, batch_size=64),
        "tiny Qwen3 that knows made-up films, all weights trained",
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
    """The case that started the project: 50 candidates, 1,635 samples, 51 steps of which 20 warm up, and chance.

    Args:
        seed: of negatives, slots and data order.
        device: where to run; None for CUDA where there is one.
        cache_dir: where the data are kept; fetched if they are not there.

    Raises:
        DataError: the data are neither in the cache nor to be fetched.
    """
    settings = TrainingSettings(batch_size=16, gradient_accumulation=2, max_steps=51, warmup_steps=20, seed=seed)
    return _target(
        Reranker.from_pretrained(embedded_base(), device=device),
        "tiny Qwen3 + LoRA, one epoch of 51 steps",
        n_candidates=50,
        n_examples=1635,
        settings=settings,
        cutoffs=(20,),
        seed=seed,
        cache_dir=cache_dir,
    )


def _target(
    reranker: Reranker,
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
    return RerankerTarget(
        reranker,
        name=name,
        dataset=f"MovieLens-100K, leave-last-out, N={n_candidates}, popularity-sampled negatives",
        train_tasks=train,
        test_tasks=test,
        settings=settings,
        item_popularity=item_popularity(split.train),
        cutoffs=cutoffs,
    )
