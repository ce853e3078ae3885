"""The real MovieLens-100K, where the cache holds it; fixed seeds, so the same answer every time."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.core.types import RankingTask
from rerank_model.data.cache import default_cache_dir, is_whole
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.ml100k import read_ml_100k
from rerank_model.data.popularity import item_popularity
from rerank_model.data.samplers import CandidateSampler, PopularitySampler, UniformSampler
from rerank_model.data.splits import leave_last_out
from rerank_model.data.tasks import held_out_tasks

pytestmark = pytest.mark.skipif(
    not is_whole(default_cache_dir() / "ml-100k"),
    reason="MovieLens-100K is not in the cache; fetch it with `rerank-model data ml-100k`",
)


@pytest.fixture(scope="module")
def ml_100k() -> tuple[Interactions, Catalogue]:
    return read_ml_100k(default_cache_dir() / "ml-100k")


def test_counts_and_texts(ml_100k: tuple[Interactions, Catalogue]) -> None:
    interactions, catalogue = ml_100k
    assert (len(interactions), len(interactions.user_ids), len(catalogue)) == (100_000, 943, 1_682)
    assert catalogue.texts["1"] == "Toy Story (1995), Animation, Children's"
    assert catalogue.texts["267"] == "unknown"
    assert catalogue.texts["1005"] == "La Double vie de Véronique (The Double Life of Veronique) (1991), Drama"
    assert catalogue.n_shared_texts == 18


def test_every_user_is_held_out(ml_100k: tuple[Interactions, Catalogue]) -> None:
    split = leave_last_out(ml_100k[0])
    assert len(split.test.targets) == 943
    assert split.users_left_out == {}
    assert len(split.train) == 100_000 - 2 * 943


def hit_rate(tasks: list[RankingTask], popularity: dict[str, int], k: int) -> float:
    """Popularity's Hit@K, ties in expectation."""
    hits = []
    for task in tasks:
        counts = np.array([popularity.get(item, 0) for item in task.candidate_ids])
        own = popularity.get(task.target_id, 0)
        hits.append(min(1.0, max(0.0, (k - (counts > own).sum()) / (counts == own).sum())))
    return float(np.mean(hits))


def test_popularity_is_strong_against_uniform_negatives_and_chance_against_popular_ones(
    ml_100k: tuple[Interactions, Catalogue],
) -> None:
    interactions, catalogue = ml_100k
    split = leave_last_out(interactions)
    popularity = item_popularity(split.train)

    def popularity_hits(sampler: CandidateSampler, n: int, k: int) -> float:
        tasks = held_out_tasks(
            split.test, catalogue, sampler, n_candidates=n, history_length=10, rng=np.random.default_rng(0)
        )
        return hit_rate(tasks, popularity, k)

    # Means over ten draws of the negatives: 0.824, 0.403, 0.260; standard deviation below 0.01.
    assert popularity_hits(UniformSampler(interactions), 50, 20) == pytest.approx(0.824, abs=0.03)
    assert popularity_hits(PopularitySampler(split.train), 50, 20) == pytest.approx(0.403, abs=0.03)
    assert popularity_hits(PopularitySampler(split.train), 20, 5) == pytest.approx(0.260, abs=0.03)
