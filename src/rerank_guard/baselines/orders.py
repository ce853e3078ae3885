"""The orders that the tasks bring along: the listed one both ways round, and the retriever's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["listed_order_scores", "retriever_scores", "reversed_listed_order_scores"]


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
