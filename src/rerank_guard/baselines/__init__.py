"""What a ranking must beat: exact chance, popularity and recency both ways round, the listed and the retriever's order."""

from __future__ import annotations

from rerank_guard.baselines.chance import (
    chance_hit_rate_at_k,
    chance_recall_at_k,
    chance_recall_distribution,
)
from rerank_guard.baselines.items import (
    popularity_scores,
    recency_scores,
    reversed_popularity_scores,
    reversed_recency_scores,
)
from rerank_guard.baselines.orders import (
    listed_order_scores,
    retriever_scores,
    reversed_listed_order_scores,
)

__all__ = [
    "chance_hit_rate_at_k",
    "chance_recall_at_k",
    "chance_recall_distribution",
    "listed_order_scores",
    "popularity_scores",
    "recency_scores",
    "retriever_scores",
    "reversed_listed_order_scores",
    "reversed_popularity_scores",
    "reversed_recency_scores",
]
