"""Metrics for several targets a user, all in one pass over the scores."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import FloatArray
from rerank_guard.metrics.metric import Metric, MetricSummary, TiePolicy
from rerank_guard.metrics.relevance_blocks import standing_blocks
from rerank_guard.metrics.relevant import RelevantStanding
from rerank_guard.metrics.rows import CandidateValues

__all__ = ["metric_summaries", "metric_values"]


def metric_values(
    scores: CandidateValues,
    relevance: CandidateValues,
    metrics: Iterable[Metric],
    *,
    tie_policy: TiePolicy = "expected",
) -> FloatArray:
    """Each metric of each user.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        relevance: of the same shapes; boolean, or grades of which those above 0 are relevant.
        metrics: what to measure.
        tie_policy: how tied candidates are ordered; "expected" averages over uniformly random orders.

    Returns:
        (number of metrics, U) float64; 0.0 for a user without a relevant candidate (end-to-end evaluation).

    Raises:
        InvalidScoresError: malformed or non-finite scores or relevance.
        InvalidTaskError: a negative grade, or another tie policy.
    """
    chosen = tuple(metrics)
    values = np.zeros((len(chosen), len(scores)))
    for users, standing in standing_blocks(scores, relevance):
        values[:, users] = _of_block(standing, chosen, tie_policy)
    return values


def metric_summaries(
    scores: CandidateValues, relevance: CandidateValues, metrics: Iterable[Metric]
) -> tuple[MetricSummary, ...]:
    """Each metric averaged over users, with its tie gap.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better.
        relevance: of the same shapes; boolean, or grades of which those above 0 are relevant.
        metrics: what to measure.

    Raises:
        InvalidScoresError: malformed or non-finite scores or relevance.
        InvalidTaskError: no users, or a negative grade.
    """
    chosen = tuple(metrics)
    n_users = len(scores)
    if n_users == 0:
        raise InvalidTaskError("there are no users to average over; give at least one.")
    policies: tuple[TiePolicy, ...] = ("expected", "optimistic", "pessimistic")
    totals = np.zeros((len(policies), len(chosen)))
    n_with_relevant = 0
    for _, standing in standing_blocks(scores, relevance):
        totals += [_of_block(standing, chosen, policy).sum(axis=1) for policy in policies]
        n_with_relevant += int(np.count_nonzero(standing.n_relevant))
    means = totals / n_users
    return tuple(
        MetricSummary(
            metric,
            mean=float(expected),
            optimistic=float(optimistic),
            pessimistic=float(pessimistic),
            n_users=n_users,
            n_users_with_relevant=n_with_relevant,
        )
        for metric, (expected, optimistic, pessimistic) in zip(chosen, means.T, strict=True)
    )


def _of_block(standing: RelevantStanding, metrics: tuple[Metric, ...], tie_policy: TiePolicy) -> FloatArray:
    """(number of metrics, users of the block) float64."""
    values = np.zeros((len(metrics), len(standing.above)))
    if tie_policy == "expected":
        for index, metric in enumerate(metrics):
            values[index] = metric.expected(standing)
    elif tie_policy in ("optimistic", "pessimistic"):
        order = standing.optimistic() if tie_policy == "optimistic" else standing.pessimistic()
        for index, metric in enumerate(metrics):
            values[index] = metric.in_order(order)
    else:
        raise InvalidTaskError(
            f"there is no tie policy {tie_policy!r}; name 'expected', 'optimistic' or 'pessimistic'."
        )
    return values
