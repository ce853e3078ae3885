"""What a ranking must beat: exact chance, popularity and the listed order both ways round, the retriever's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import hypergeom

from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import FloatArray, RankingTask

__all__ = [
    "chance_hit_rate_at_k",
    "chance_recall_at_k",
    "chance_recall_distribution",
    "listed_order_scores",
    "popularity_scores",
    "retriever_scores",
    "reversed_listed_order_scores",
    "reversed_popularity_scores",
]


def chance_hit_rate_at_k(n_candidates: int, k: int, n_relevant: int = 1) -> float:
    """Probability that a random order puts at least one relevant candidate into the top k.

    1 - C(N - m, K) / C(N, K): the hypergeometric distribution's mass away from 0.

    Args:
        n_candidates: N, at least 1.
        k: cutoff, at least 1; above N it counts as N.
        n_relevant: m, from 0 to N.

    Raises:
        InvalidTaskError: counts that no candidate list has.
    """
    return 1.0 - float(chance_recall_distribution(n_candidates, k, n_relevant)[0])


def chance_recall_at_k(n_candidates: int, k: int) -> float:
    """Mean Recall@k of a random order: min(K, N) / N, however many candidates are relevant."""
    _require_counts(n_candidates, k, 1)
    return min(k, n_candidates) / n_candidates


def chance_recall_distribution(n_candidates: int, k: int, n_relevant: int = 1) -> FloatArray:
    """Distribution of the number of relevant candidates in the top k of a random order.

    Args:
        n_candidates: N, at least 1.
        k: cutoff, at least 1; above N it counts as N.
        n_relevant: m, from 0 to N.

    Returns:
        (m + 1,) float64: the hypergeometric probability of 0, 1, ..., m relevant candidates in the top k; Recall@k
        is that number over m.

    Raises:
        InvalidTaskError: counts that no candidate list has.
    """
    _require_counts(n_candidates, k, n_relevant)
    found = np.arange(n_relevant + 1)
    return np.asarray(hypergeom.pmf(found, n_candidates, n_relevant, min(k, n_candidates)), dtype=np.float64)


def popularity_scores(tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]) -> list[FloatArray]:
    """Each candidate's count in the training data, (N,) float64 a task; an unknown item counts 0.

    Raises:
        InvalidTaskError: no counts at all, or counts for none of the candidates (keys of another type or spelling),
            which would make the baseline chance in silence.
    """
    if not item_popularity:
        raise InvalidTaskError(
            f"the item popularity is {item_popularity!r}; count the items in the training data, or leave the "
            "popularity baseline out."
        )
    if tasks and not any(item_id in item_popularity for task in tasks for item_id in task.candidate_ids):
        key, item_id = next(iter(item_popularity)), tasks[0].candidate_ids[0]
        raise InvalidTaskError(
            f"none of the {len(item_popularity)} keys of the item popularity (such as {key!r}, {type(key).__name__}) "
            f"is the id of a candidate (such as {item_id!r}, {type(item_id).__name__}); key the counts by item_id."
        )
    return [
        np.array([item_popularity.get(item_id, 0) for item_id in task.candidate_ids], dtype=np.float64)
        for task in tasks
    ]


def reversed_popularity_scores(
    tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]
) -> list[FloatArray]:
    """The least popular first: what wins against negatives that were sampled by popularity."""
    return [-scores for scores in popularity_scores(tasks, item_popularity)]


def listed_order_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """Minus the slot, (N,) float64 a task: the first listed first, what wins where targets stand early."""
    return [-np.arange(task.n_candidates, dtype=np.float64) for task in tasks]


def reversed_listed_order_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """The slot, (N,) float64 a task: the last listed first, what wins where targets stand late."""
    return [np.arange(task.n_candidates, dtype=np.float64) for task in tasks]


def retriever_scores(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """The first stage's scores, (N,) float64 a task.

    Raises:
        InvalidTaskError: a task without retriever_scores.
    """
    without = [task.query_id for task in tasks if task.retriever_scores is None]
    if without:
        raise InvalidTaskError(
            f"{len(without)} of {len(tasks)} tasks have no retriever_scores (first: query {without[0]!r}); give "
            "them to every task, or leave the retriever baseline out."
        )
    return [np.array(task.retriever_scores, dtype=np.float64) for task in tasks]


def _require_counts(n_candidates: int, k: int, n_relevant: int) -> None:
    if n_candidates < 1 or k < 1 or not 0 <= n_relevant <= n_candidates:
        raise InvalidTaskError(
            f"no candidate list has N={n_candidates}, K={k}, {n_relevant} relevant; give N >= 1, K >= 1 and "
            "0 <= relevant <= N."
        )
