"""What a ranking must beat: exact chance; popularity, recency and the listed order in both directions; the first stage."""

from __future__ import annotations

from rerank_guard.baselines.chance import (
    chance_hit_rate_at_k,
    chance_recall_at_k,
    chance_recall_distribution,
    chance_recalls_at_k,
)
from rerank_guard.baselines.items import (
    popularity_scores,
    recency_scores,
    reversed_popularity_scores,
    reversed_recency_scores,
)
from rerank_guard.baselines.orders import (
    first_stage_scores,
    listed_order_scores,
    reversed_listed_order_scores,
)

__all__ = [
    "chance_hit_rate_at_k",
    "chance_recall_at_k",
    "chance_recall_distribution",
    "chance_recalls_at_k",
    "first_stage_scores",
    "listed_order_scores",
    "popularity_scores",
    "recency_scores",
    "reversed_listed_order_scores",
    "reversed_popularity_scores",
    "reversed_recency_scores",
]
