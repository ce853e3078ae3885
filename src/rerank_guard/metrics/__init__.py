"""Ranking metrics in expectation over ties, for ragged lists of candidates.

A stable sort keeps tied candidates in input order, so that a constant score with the target item at position 0 looks
perfect. Here ties are broken uniformly at random, in expectation: a candidate with g candidates strictly above it
and t candidates at its own score (itself included) is in the top k with probability

    clip((k - g) / t, 0, 1)

(McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in the presence of tied
scores"). Rank 1 is the highest score. The gap between the best and the worst tie order is reported beside it.

Scores are a sequence of (N_u,) arrays, one a user, or one (U, N) matrix. What is relevant is one position a user
(`target_index`) or, for several, an array of the scores' shape (boolean, or grades of which those above 0 are
relevant). A user without a relevant candidate counts 0 in every metric: evaluation is end to end, and
`MetricSummary.conditional_mean` is the figure over the others. "Relevant" means listed and relevant: a recall knows
nothing of items that the candidate generation lost.
"""

from __future__ import annotations

from rerank_guard.metrics.at_k import (
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from rerank_guard.metrics.average_precision import AveragePrecision
from rerank_guard.metrics.cutoff import recall_ceiling_at_k, require_informative_cutoff
from rerank_guard.metrics.found import Hit, Precision, Recall
from rerank_guard.metrics.metric import Metric, MetricSummary, TiePolicy
from rerank_guard.metrics.ndcg import NDCG
from rerank_guard.metrics.one_target import expected_hit_at_k, tie_gap_at_k, tied_with_target
from rerank_guard.metrics.reciprocal_rank import ReciprocalRank
from rerank_guard.metrics.relevance_values import metric_summaries, metric_values
from rerank_guard.metrics.rows import CandidateValues, as_probability_matrix, as_score_matrix, as_score_rows
from rerank_guard.metrics.target_standing import TargetPositions, TargetStanding, target_standing
from rerank_guard.metrics.top_k import TopKCounts, top_k_counts

__all__ = [
    "NDCG",
    "AveragePrecision",
    "CandidateValues",
    "Hit",
    "Metric",
    "MetricSummary",
    "Precision",
    "Recall",
    "ReciprocalRank",
    "TargetPositions",
    "TargetStanding",
    "TiePolicy",
    "TopKCounts",
    "as_probability_matrix",
    "as_score_matrix",
    "as_score_rows",
    "average_precision_at_k",
    "expected_hit_at_k",
    "hit_rate_at_k",
    "metric_summaries",
    "metric_values",
    "ndcg_at_k",
    "precision_at_k",
    "recall_at_k",
    "recall_ceiling_at_k",
    "reciprocal_rank_at_k",
    "require_informative_cutoff",
    "target_standing",
    "tie_gap_at_k",
    "tied_with_target",
    "top_k_counts",
]
