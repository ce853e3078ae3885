"""recall_uniform_over_users: which users are compared, and what decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, scores_that_hit
from rerank_guard.checks.quality.recall_uniform_over_users import recall_uniform_over_users
from rerank_guard.core.errors import InvalidTaskError, SettingError, VacuousMetricError
from rerank_guard.core.finding import Strength
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def judged(recall_of_long, *, n_users=400, recall=0.6, seed=0, n=20, **settings):
    """Users with histories of 1 to 40 items of one length; those in the last quarter have a recall of their own."""
    rng = np.random.default_rng(seed)
    tasks = make_tasks([user % n for user in range(n_users)], [n] * n_users)
    length = 1 + np.arange(n_users) * 40 // n_users
    tasks = [
        replace(task, history=tuple(Item(f"h{i}", "a film") for i in range(items)))
        for task, items in zip(tasks, length.tolist(), strict=True)
    ]
    hits = [bool(rng.random() < (recall_of_long if items > 30 else recall)) for items in length.tolist()]
    return recall_uniform_over_users(scores_that_hit(tasks, hits), tasks, 5, **settings)


def test_what_a_failure_says():
    verdict = judged(0.05)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "some-users-ranked-badly")
    assert verdict.check == "recall_uniform_over_users[K=5]"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.measured["shortfall"] == pytest.approx(
        verdict.measured["recall_of_others"] - verdict.measured["recall_of_group"]
    )
    assert (verdict.measured["users_in_group"], verdict.affected.n, verdict.affected.of) == (100, 100, 400)
    assert 1 <= len(verdict.evidence) <= 5


def test_equal_users_pass():
    verdict = judged(0.6)
    assert (verdict.status, verdict.suspects, verdict.evidence) == (Status.PASSED, (), ())
    assert verdict.measured["shortfall"] < 0.15


def test_a_difference_that_is_no_proof_is_inconclusive():
    verdict = judged(0.25)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.fault is None
    assert "400" in verdict.cause
    assert judged(0.25, alpha_doubtful=1e-12).status is Status.PASSED
    assert judged(0.25, alpha=0.4, effect=0.05).status is Status.FAILED
    assert judged(0.25, effect=0.6).status is Status.PASSED


def test_users_with_short_histories_may_be_harder():
    assert judged(0.95, recall=0.3).status is Status.PASSED


def test_few_or_equal_users_are_not_compared():
    assert judged(0.0, n_users=12).status is Status.NOT_APPLICABLE
    tasks = make_tasks([0] * 50, [20] * 50)
    alike = recall_uniform_over_users([np.arange(20.0)] * 50, tasks, 5)
    assert alike.status is Status.NOT_APPLICABLE
    missing = [replace(task, target_id="elsewhere", target_index=None) for task in tasks]
    assert recall_uniform_over_users([np.arange(20.0)] * 50, missing, 5).status is Status.NOT_APPLICABLE


def test_errors():
    with pytest.raises(InvalidTaskError):
        recall_uniform_over_users([], [], 5)
    with pytest.raises(VacuousMetricError):
        judged(0.5, n=5)
    with pytest.raises(SettingError):
        judged(0.5, effect=1.0)
