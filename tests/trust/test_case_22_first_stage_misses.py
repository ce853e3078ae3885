"""Case 22: what a first stage misses counts as a miss and is reported; a list that promises its target item is held to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, noisy_scores
from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.checks.data.users_accounted_for import users_accounted_for
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.core.population import Population
from rerank_guard.core.verdict import Status


def two_stage(missed, users, n=20, *, seed=0, relevance=False):
    rng = np.random.default_rng(seed)
    tasks = []
    for user in range(users):
        task = make_task(None if user < missed else int(rng.integers(n)), n, user=user)
        if relevance:
            tasks.append(replace(task, relevance={task.target_id: 1.0}))
        else:
            tasks.append(replace(task, first_stage_scores=tuple(np.sort(rng.normal(size=n))[::-1].tolist())))
    return tasks


@pytest.mark.parametrize(("missed", "users", "n"), [(93, 400, 20), (30, 100, 50), (1, 40, 10), (90, 300, 5)])
@pytest.mark.parametrize("relevance", [False, True])
def test_the_misses_of_a_first_stage_are_reported(missed, users, n, relevance):
    verdict = gt_in_candidates(two_stage(missed, users, n, relevance=relevance))
    assert verdict.status is Status.PASSED
    recall = (users - missed) / users
    assert verdict.measured["first_stage_recall"] == pytest.approx(recall)
    low, high = (verdict.measured[f"first_stage_recall_at_{end}"] for end in ("least", "most"))
    assert low < recall < high


def test_a_promise_is_kept():
    verdict = gt_in_candidates(two_stage(93, 400), promised=True)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "target-not-listed")


@pytest.mark.parametrize("stated", [0, 7])
def test_a_target_that_is_not_where_the_pipeline_says_it_is_fails(stated):
    tasks = [
        replace(task, target_index=stated) if user < 3 else task for user, task in enumerate(two_stage(93, 400))
    ]
    verdict = gt_in_candidates(tasks)
    assert (verdict.status, verdict.fault, verdict.affected.n) == (Status.FAILED, "target-not-listed", 3)


@pytest.mark.parametrize("missed", [1, 93])
def test_sampled_lists_promise_their_target(missed):
    tasks = [replace(task, first_stage_scores=None) for task in two_stage(missed, 400)]
    assert gt_in_candidates(tasks).fault == "target-not-listed"


@pytest.mark.parametrize("seed", range(4))
def test_the_misses_count_in_recall(seed):
    tasks = two_stage(93, 400, seed=seed)
    scores = noisy_scores(tasks, np.random.default_rng(seed), 3.0)
    verdict = recall_beats_baseline(scores, tasks, 5, {})
    assert verdict.status is Status.PASSED
    assert verdict.measured["users_without_target"] == 93


def test_declared_misses_are_no_survivorship_where_a_first_stage_is_stated():
    tasks = two_stage(0, 307)
    scores = noisy_scores(tasks, np.random.default_rng(0), 3.0)
    population = Population(400, {"not retrieved": 93})
    verdict = users_accounted_for(scores, tasks, population, 5)
    assert verdict.status is Status.PASSED
    assert verdict.measured["first_stage_recall"] == pytest.approx(307 / 400)
    assert users_accounted_for(scores, tasks, population, 5, promised=True).fault == "survivorship"
    assert users_accounted_for(scores, tasks, Population(400), 5).fault == "survivorship"
    sampled = [replace(task, first_stage_scores=None) for task in tasks]
    assert users_accounted_for(scores, sampled, population, 5).fault == "survivorship"
