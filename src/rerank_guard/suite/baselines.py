"""What the ranking is held against, as far as the target's data and methods allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.baselines import (
    chance_recall_at_k,
    listed_order_scores,
    popularity_scores,
    recency_scores,
    retriever_scores,
    reversed_listed_order_scores,
    reversed_popularity_scores,
    reversed_recency_scores,
)
from rerank_guard.checks._settings import true_slots
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stats.bets import log_e_value_above
from rerank_guard.suite.once import if_offered
from rerank_guard.suite.session import SuiteSession
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["baselines_of"]

_SLOT_SKEW_ALPHA = 0.01
"""Level at which the listed order counts as better than chance and becomes a baseline of its own."""


def baselines_of(session: SuiteSession, k: int) -> dict[str, list[FloatArray]]:
    """The baselines that the target's data allow; chance is always held against by the check itself.

    Raises:
        InvalidTaskError: retriever_scores for some tasks only, or a popularity or times that know no candidate.
    """
    tasks = session.tasks()
    baselines = _skewed_orders(tasks, k)
    popularity = session.known_popularity()
    if popularity is not None:
        baselines["popularity"] = popularity_scores(tasks, popularity)
        baselines["reversed popularity"] = reversed_popularity_scores(tasks, popularity)
    if any(task.retriever_scores is not None for task in tasks):
        baselines["retriever order"] = retriever_scores(tasks)
    for kind, times in session.known_item_times().items():
        baselines[f"newest first ({kind})"] = recency_scores(tasks, times)
        baselines[f"oldest first ({kind})"] = reversed_recency_scores(tasks, times)
    own: dict[str, list[FloatArray]] = if_offered(session.own_baselines, {})
    return baselines | own


def _skewed_orders(tasks: Sequence[RankingTask], k: int) -> dict[str, list[FloatArray]]:
    """The listed order and its reverse, each where it beats chance by itself (p <= 0.01): slots are then not uniform.

    Where slots are uniform these orders are chance, which is tested exactly already; a paired comparison with one
    draw of them would only cost users.
    """
    slots = true_slots(tasks)
    rates = np.array([chance_recall_at_k(task.n_candidates, k) for task in tasks])
    orders = {
        "listed order": listed_order_scores(tasks),
        "reversed listed order": reversed_listed_order_scores(tasks),
    }
    return {
        name: scores
        for name, scores in orders.items()
        if log_e_value_above(expected_hit_at_k(scores, slots, k), rates) >= math.log(1.0 / _SLOT_SKEW_ALPHA)
    }
