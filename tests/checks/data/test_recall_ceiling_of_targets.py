"""recall_ceiling_of_targets: with more relevant items than K even a perfect ranking has a Recall@K below 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task
from guard.limits import missed
from rerank_guard.checks.data._recall_ceiling import within_recall_ceiling
from rerank_guard.checks.data.recall_ceiling_of_targets import recall_ceiling_of_targets
from rerank_guard.core.errors import InvalidTaskError, VacuousMetricError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status
from rerank_guard.core.wording import worded
from rerank_guard.metrics import hit_rate_at_k, recall_at_k

K, N = 5, 20
COUNTS = [10, 10, 4, 20]
CEILING = (0.5 + 0.5 + 1.0 + 0.25) / 4


def judged(n_relevant, k, reported_recall, **settings):
    """The verdict on one figure."""
    finding = within_recall_ceiling(n_relevant, k, reported_recall, **settings)
    return worded(finding, check="recall_ceiling_of_targets", claim="")


def perfect(counts):
    """A perfect ranker's scores and the relevant candidates, for these numbers of relevant ones."""
    relevant = [np.arange(N) < m for m in counts]
    return [row.astype(np.float64) for row in relevant], relevant


def test_a_perfect_ranker_passes_at_the_ceiling():
    recall = float(recall_at_k(*perfect(COUNTS), K).mean())
    verdict = judged(COUNTS, K, recall)
    assert recall == pytest.approx(CEILING)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_ceiling"] == pytest.approx(1.0)
    assert verdict.measured["perfect_ranker_falls_short_by"] == pytest.approx(1.0 - CEILING)
    assert missed(verdict) == set()
    assert verdict.evidence == (
        "10 relevant candidates: 2 users, Recall@5 at most 0.5",
        "20 relevant candidates: 1 users, Recall@5 at most 0.25",
    )


def test_the_figure_that_looks_like_failure_and_is_perfect():
    verdict = judged([50] * 30, 20, 0.4)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_ceiling"] == pytest.approx(1.0)
    assert verdict.measured["perfect_ranker_falls_short_by"] == pytest.approx(0.6)


def test_a_hit_rate_called_recall_is_found():
    reported = float(hit_rate_at_k(*perfect(COUNTS), K).mean())
    verdict = judged(COUNTS, K, reported)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-wrong")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert missed(verdict) == {"reported_recall"}


def test_hits_over_the_smaller_of_k_and_m_called_recall_are_found():
    capped = float(np.mean([min(K, m) / min(K, m) for m in COUNTS]))
    assert judged(COUNTS, K, capped).fault == "metric-wrong"


def test_a_mean_without_the_users_who_have_nothing_relevant_is_survivorship():
    of_the_others = CEILING  # a perfect ranker, its mean over those with a relevant candidate alone
    verdict = judged([*COUNTS, 0], K, of_the_others)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "survivorship")
    assert verdict.measured["users_without_target"] == 1
    assert verdict.threshold["ceiling"] == pytest.approx(CEILING * 4 / 5)
    assert judged([*COUNTS, 0], K, CEILING * 4 / 5).status is Status.PASSED


def test_where_the_ceiling_is_1_nothing_is_said_of_figures_up_to_1():
    assert judged([1, 3, 5], K, 0.7).status is Status.NOT_APPLICABLE
    assert judged([1, 3, 5], K, 70.0).fault == "metric-wrong"


def test_rounding_is_allowed_for_when_declared():
    reported = CEILING + 4e-5
    assert judged(COUNTS, K, reported).status is Status.FAILED
    assert judged(COUNTS, K, reported, tolerance=5e-5).status is Status.PASSED


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
        judged(counts, K, reported)


def test_a_figure_at_its_ceiling_passes_and_the_boundaries_are_exact():
    assert judged(COUNTS, K, CEILING, tolerance=0.0).status is Status.PASSED
    assert judged([*COUNTS, 0], K, CEILING, tolerance=0.0).fault == "survivorship"
    assert judged([*COUNTS, 0], K, CEILING + 1e-6, tolerance=0.0).fault == "metric-wrong"
    assert judged(COUNTS, K, 0.0, tolerance=0.01).status is Status.PASSED
    assert judged([K, K + 1, 0], K, 0.1).measured["users_with_more_than_k_targets"] == 1


def test_settings_that_decide_nothing_are_refused():
    for tolerance in (0.5, 0.0101, -1e-9):
        with pytest.raises(InvalidTaskError, match=f"tolerance={tolerance}"):
            judged(COUNTS, K, 0.4, tolerance=tolerance)
    with pytest.raises(VacuousMetricError):
        judged(COUNTS, 0, 0.4)


# as a check of a reranker's own figures


def tasks_with(counts, unlisted=0):
    """Tasks of N candidates of which so many are relevant, and further relevant items that are not listed."""
    made = []
    for user, m in enumerate(counts):
        task = make_task(0 if m else None, N, user=user)
        grades = dict.fromkeys(task.candidate_ids[:m], 1.0) | {task.target_id: 2.0}
        grades |= {f"lost-{user}-{i}": 1.0 for i in range(unlisted)}
        if m < N:
            grades[task.candidate_ids[-1]] = 0.0
        made.append(replace(task, relevance=grades))
    return made


@pytest.mark.parametrize("name", ["Recall@5", "eval_recall_5", "recall_at_5"])
def test_a_reported_recall_is_compared_with_the_ceiling_of_the_tasks(name):
    tasks = tasks_with(COUNTS)
    at_ceiling = recall_ceiling_of_targets(tasks, {name: CEILING, "loss": 3.2})
    assert at_ceiling.status is Status.PASSED
    assert at_ceiling.measured["share_of_ceiling"] == pytest.approx(1.0)
    assert (at_ceiling.measured["reported_as"], at_ceiling.measured["judged"]) == (name, name)
    above = recall_ceiling_of_targets(tasks, {name: CEILING + 1e-3 / 3})
    assert (above.status, above.fault, missed(above)) == (Status.FAILED, "metric-wrong", {"reported_recall"})


def test_of_several_figures_the_worst_decides():
    reported = {"Recall@5": CEILING, "Recall@10": 0.99, "Hit@5": 1.0, "Recall@2": 1.0}
    verdict = recall_ceiling_of_targets(tasks_with(COUNTS), reported)
    assert (verdict.fault, verdict.measured["reported_as"]) == ("metric-wrong", "Recall@2")
    assert verdict.measured["figures_above_ceiling"] == 2
    assert verdict.measured["judged"] == "Recall@5, Recall@10, Recall@2"
    del reported["Recall@2"], reported["Recall@10"]
    assert recall_ceiling_of_targets(tasks_with(COUNTS), reported).status is Status.PASSED


def test_figures_in_per_cent_and_rounded_ones_are_read_as_such():
    tasks = tasks_with([15, 15, 15])
    assert recall_ceiling_of_targets(tasks, {"Recall@5": 100 / 3, "MRR": 99.0}).status is Status.PASSED
    assert recall_ceiling_of_targets(tasks, {"Recall@5": 40.0}).fault == "metric-wrong"
    assert recall_ceiling_of_targets(tasks_with([6]), {"Recall@4": 0.67}).status is Status.PASSED
    assert recall_ceiling_of_targets(tasks_with([6]), {"Recall@4": 0.672}).fault == "metric-wrong"
    assert recall_ceiling_of_targets(tasks_with([6]), {"Recall@4": 0.672}, tolerance=0.006).status is Status.PASSED


def test_a_figure_is_in_per_cent_only_where_one_is_above_1():
    tasks = tasks_with([15, 15, 15])
    assert recall_ceiling_of_targets(tasks, {"Recall@5": 0.6, "MRR": 1.0}).fault == "metric-wrong"
    per_cent = recall_ceiling_of_targets(tasks, {"Recall@5": 1.2})
    assert per_cent.measured["reported_recall"] == pytest.approx(0.012)
    assert recall_ceiling_of_targets(tasks_with([6]), {"Recall@4": 0.67}, tolerance=0.01).status is Status.PASSED


def test_a_figure_with_a_ceiling_below_1_is_shown_before_one_without():
    verdict = recall_ceiling_of_targets(tasks_with([6, 6]), {"Recall@10": 0.9, "Recall@3": 0.2, "Recall@4": 0.2})
    assert (verdict.status, verdict.measured["reported_as"]) == (Status.PASSED, "Recall@3")


def test_relevant_items_that_are_not_listed_are_no_part_of_m_and_their_users_count_as_0():
    assert recall_ceiling_of_targets(tasks_with(COUNTS, unlisted=7), {"Recall@5": CEILING}).status is Status.PASSED
    tasks = tasks_with([*COUNTS, 0], unlisted=3)
    assert recall_ceiling_of_targets(tasks, {"Recall@5": CEILING}).fault == "survivorship"
    verdict = recall_ceiling_of_targets(tasks, {"Recall@5": CEILING * 4 / 5})
    assert (verdict.status, verdict.measured["users_without_target"]) == (Status.PASSED, 1)


@pytest.mark.parametrize(
    ("tasks", "reported"),
    [
        ([make_task(3, N), make_task(None, N, user=1)], {"Recall@5": 1.0}),
        (tasks_with([1, 1]), {"Recall@5": 1.0}),
        (tasks_with(COUNTS), {"Hit@5": 1.0, "loss": 2.0}),
        (tasks_with(COUNTS), {}),
        (tasks_with([0, 0], unlisted=4), {"Recall@5": 0.0}),
        (tasks_with([3, 4]), {"Recall@5": 0.7}),
    ],
    ids=["one target item", "one grade", "no recall", "nothing", "nothing listed", "ceilings of 1"],
)
def test_where_there_is_nothing_to_compare_it_does_not_apply(tasks, reported):
    assert recall_ceiling_of_targets(tasks, reported).status is Status.NOT_APPLICABLE


def test_a_figure_that_is_no_number_is_refused():
    for value in ("0.4", True, None):
        with pytest.raises(InvalidTaskError, match=r"Recall@5"):
            recall_ceiling_of_targets(tasks_with(COUNTS), {"Recall@5": value})
    with pytest.raises(InvalidTaskError, match="no tasks"):
        recall_ceiling_of_targets([], {"Recall@5": 0.4})
