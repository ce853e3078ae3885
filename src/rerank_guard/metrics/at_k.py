"""One metric of several targets a user, as a function; `metric_values` computes many in one pass."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.average_precision import AveragePrecision, Denominator
from rerank_guard.metrics.found import Hit, Precision, Recall
from rerank_guard.metrics.metric import Metric, TiePolicy
from rerank_guard.metrics.ndcg import NDCG, Gain
from rerank_guard.metrics.reciprocal_rank import ReciprocalRank
from rerank_guard.metrics.relevance_values import metric_values
from rerank_guard.metrics.rows import CandidateValues

__all__ = [
    "average_precision_at_k",
    "hit_rate_at_k",
    "ndcg_at_k",
    "precision_at_k",
    "recall_at_k",
    "reciprocal_rank_at_k",
]


def hit_rate_at_k(
    scores: CandidateValues, relevant: CandidateValues, k: int, *, tie_policy: TiePolicy = "expected"
) -> FloatArray:
    """Probability that at least one relevant candidate is in the top k; not `recall_at_k`, unless one is relevant.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        relevant: of the same shapes; boolean, or grades of which those above 0 are relevant.
        k: cutoff, at least 1.
        tie_policy: how tied candidates are ordered.

    Returns:
        (U,) float64 in [0, 1]; 0.0 for a user without a relevant candidate (end-to-end evaluation).

    Raises:
        VacuousMetricError: k below 1.
        InvalidScoresError: malformed or non-finite scores or relevance.
        InvalidTaskError: a negative grade, or another tie policy.
    """
    return _one(scores, relevant, Hit(k), tie_policy)


def recall_at_k(
    scores: CandidateValues, relevant: CandidateValues, k: int, *, tie_policy: TiePolicy = "expected"
) -> FloatArray:
    """Expected share of a user's relevant candidates that are in the top k; at most `recall_ceiling_at_k`.

    Arguments, result and errors are those of `hit_rate_at_k`.
    """
    return _one(scores, relevant, Recall(k), tie_policy)


def precision_at_k(
    scores: CandidateValues, relevant: CandidateValues, k: int, *, tie_policy: TiePolicy = "expected"
) -> FloatArray:
    """Expected number of relevant candidates in the top k, over k.

    Arguments, result and errors are those of `hit_rate_at_k`.
    """
    return _one(scores, relevant, Precision(k), tie_policy)


def reciprocal_rank_at_k(
    scores: CandidateValues, relevant: CandidateValues, k: int | None, *, tie_policy: TiePolicy = "expected"
) -> FloatArray:
    """Expected 1 / rank of the best relevant candidate, 0 below k; its mean is MRR@k. A k of None is no cutoff.

    Other arguments, result and errors are those of `hit_rate_at_k`.
    """
    return _one(scores, relevant, ReciprocalRank(k), tie_policy)


def ndcg_at_k(
    scores: CandidateValues,
    relevant: CandidateValues,
    k: int | None,
    *,
    gain: Gain,
    tie_policy: TiePolicy = "expected",
) -> FloatArray:
    """Expected NDCG@k with the named gain; see `NDCG`. A k of None is no cutoff.

    Other arguments, result and errors are those of `hit_rate_at_k`; another gain is an InvalidTaskError.
    """
    return _one(scores, relevant, NDCG(gain, k), tie_policy)


def average_precision_at_k(
    scores: CandidateValues,
    relevant: CandidateValues,
    k: int | None,
    *,
    denominator: Denominator,
    tie_policy: TiePolicy = "expected",
) -> FloatArray:
    """Expected average precision at k over the named denominator; see `AveragePrecision`. A k of None is no cutoff.

    Its mean is MAP@k. Other arguments, result and errors are those of `hit_rate_at_k`; another denominator is an
    InvalidTaskError.
    """
    return _one(scores, relevant, AveragePrecision(denominator, k), tie_policy)


def _one(scores: CandidateValues, relevant: CandidateValues, metric: Metric, tie_policy: TiePolicy) -> FloatArray:
    return np.asarray(metric_values(scores, relevant, [metric], tie_policy=tie_policy)[0])
