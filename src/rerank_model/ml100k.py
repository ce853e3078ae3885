"""MovieLens-100K as a target: the embedded base, trained in minutes on two cores, N=20."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerank_model.config import TrainingSettings
from rerank_model.data.ml100k import load_ml_100k
from rerank_model.data.popularity import item_popularity
from rerank_model.data.samplers import PopularitySampler
from rerank_model.data.splits import leave_last_out
from rerank_model.data.tasks import held_out_tasks, training_tasks
from rerank_model.embedded import embedded_base
from rerank_model.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.target import RerankerTarget

__all__ = ["make_target"]

N_CANDIDATES = 20
HISTORY_LENGTH = 10
CUTOFFS = (5,)


def make_target(seed: int = 0, device: str | None = None, *, cache_dir: Path | None = None) -> RerankerTarget:
    """Leave-last-out on MovieLens-100K, 20 candidates, negatives drawn by popularity, all 943 users judged.

    Args:
        seed: of negatives, slots, data order.
        device: where to run; None for CUDA where there is one.
        cache_dir: where the data are kept; fetched if they are not there.
    """
    interactions, catalogue = load_ml_100k(cache_dir)
    split = leave_last_out(interactions)
    sampler = PopularitySampler(split.train)
    rng = np.random.default_rng(seed)
    test = held_out_tasks(
        split.test, catalogue, sampler, n_candidates=N_CANDIDATES, history_length=HISTORY_LENGTH, rng=rng
    )
    train = training_tasks(
        split.train,
        catalogue,
        sampler,
        n_candidates=N_CANDIDATES,
        history_length=HISTORY_LENGTH,
        rng=rng,
        min_history=5,
    )
    reranker = Reranker.from_pretrained(embedded_base(), device=device, prompt=PromptConfig(), batch_size=64)
    return RerankerTarget(
        reranker,
        name="embedded tiny Qwen3, all weights trained",
        dataset=f"MovieLens-100K, leave-last-out, N={N_CANDIDATES}, popularity-sampled negatives",
        train_tasks=train,
        test_tasks=test,
        settings=TrainingSettings(
            lora=None, learning_rate=2e-3, batch_size=64, max_steps=600, warmup_steps=50, seed=seed
        ),
        item_popularity=item_popularity(split.train),
        cutoffs=CUTOFFS,
    )
