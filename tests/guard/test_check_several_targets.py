"""recall_ceiling_of_targets: with more targets than K even a perfect ranking has a Recall@K below 1."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.several_targets import check_recall_ceiling_of_targets
from rerank_guard.errors import InvalidTaskError, VacuousMetricError
from rerank_guard.metrics import hit_rate_at_k, recall_at_k
from rerank_guard.verdict import Status

K, N = 5, 20
COUNTS = [10, 10, 4, 20]
CEILING = (0.5 + 0.5 + 1.0 + 0.25) / 4


def perfect(counts):
    """A perfect ranker's scores and the relevant candidates, for these numbers of targets."""
    relevant = [np.arange(N) < m for m in counts]
    return [row.astype(np.float64) for row in relevant], relevant


def test_a_perfect_ranker_passes_at_the_ceiling():
    recall = float(recall_at_k(*perfect(COUNTS), K).mean())
    verdict = check_recall_ceiling_of_targets(COUNTS, K, recall)
    assert recall == pytest.approx(CEILING)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_ceiling"] == pytest.approx(1.0)
    assert verdict.measured["perfect_ranker_falls_short_by"] == pytest.approx(1.0 - CEILING)
    assert verdict.evidence[0] == "10 relevant candidates: 2 users, Recall@5 at most 0.5"


def test_the_figure_that_looks_like_failure_and_is_perfect():
    verdict = check_recall_ceiling_of_targets([50] * 30, 20, 0.4)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_ceiling"] == pytest.approx(1.0)
    assert verdict.measured["perfect_ranker_falls_short_by"] == pytest.approx(0.6)


def test_a_hit_rate_called_recall_is_found():
    reported = float(hit_rate_at_k(*perfect(COUNTS), K).mean())
    verdict = check_recall_ceiling_of_targets(COUNTS, K, reported)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-wrong")
    assert "hit rate" in verdict.cause


def test_hits_over_the_smaller_of_k_and_m_called_recall_are_found():
    capped = float(np.mean([min(K, m) / min(K, m) for m in COUNTS]))
    assert check_recall_ceiling_of_targets(COUNTS, K, capped).fault == "metric-wrong"


def test_a_mean_without_the_users_who_have_no_target_is_survivorship():
    of_the_others = CEILING  # a perfect ranker, its mean over those with a target alone
    verdict = check_recall_ceiling_of_targets([*COUNTS, 0], K, of_the_others)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "survivorship")
    assert verdict.measured["users_without_target"] == 1
    assert verdict.threshold["ceiling"] == pytest.approx(CEILING * 4 / 5)
    assert check_recall_ceiling_of_targets([*COUNTS, 0], K, CEILING * 4 / 5).status is Status.PASSED


def test_where_the_ceiling_is_1_nothing_is_said_of_figures_up_to_1():
    assert check_recall_ceiling_of_targets([1, 3, 5], K, 0.7).status is Status.NOT_APPLICABLE
    assert check_recall_ceiling_of_targets([1, 3, 5], K, 70.0).fault == "metric-wrong"


def test_rounding_is_allowed_for_when_declared():
    reported = CEILING + 4e-5
    assert check_recall_ceiling_of_targets(COUNTS, K, reported).status is Status.FAILED
    assert check_recall_ceiling_of_targets(COUNTS, K, reported, tolerance=5e-5).status is Status.PASSED


@pytest.mark.parametrize(
    ("counts", "reported", "message"),
    [
        ([], 0.1, r"shape \(0,\)"),
        ([[1, 2]], 0.1, r"shape \(1, 2\)"),
        ([0, 0], 0.1, "none of 2 users has a relevant candidate"),
        ([3, -1], 0.1, "n_relevant is -1 for user row 1"),
        ([3, 1.5], 0.1, r"n_relevant is 1\.5 for user row 1"),
        ([3, 9], float("nan"), "reported_recall=nan"),
        ([3, 9], -0.1, r"reported_recall=-0\.1"),
    ],
)
def test_impossible_inputs_are_refused(counts, reported, message):
    with pytest.raises(InvalidTaskError, match=message):
        check_recall_ceiling_of_targets(counts, K, reported)


def test_settings_that_decide_nothing_are_refused():
    with pytest.raises(InvalidTaskError, match=r"tolerance=0\.5"):
        check_recall_ceiling_of_targets(COUNTS, K, 0.4, tolerance=0.5)
    with pytest.raises(VacuousMetricError):
        check_recall_ceiling_of_targets(COUNTS, 0, 0.4)
