"""Chance, exactly: what a random order of the candidates reaches."""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["chance_hit_rate_at_k", "chance_recall_at_k", "chance_recall_distribution", "chance_recalls_at_k"]


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


def chance_recalls_at_k(n_candidates: IntArray, k: int) -> FloatArray:
    """`chance_recall_at_k` of many users at once.

    Args:
        n_candidates: (U,) int64, N of each user, at least 1.
        k: cutoff, at least 1.

    Returns:
        (U,) float64: min(k, N) / N.

    Raises:
        InvalidTaskError: counts that no candidate list has.
    """
    _require_counts(int(n_candidates.min(initial=1)), k, 1)
    return np.asarray(np.minimum(k, n_candidates) / n_candidates, dtype=np.float64)


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


def _require_counts(n_candidates: int, k: int, n_relevant: int) -> None:
    if n_candidates < 1 or k < 1 or not 0 <= n_relevant <= n_candidates:
        raise InvalidTaskError(
            f"no candidate list has N={n_candidates}, K={k}, {n_relevant} relevant; give N >= 1, K >= 1 and "
            "0 <= relevant <= N."
        )
