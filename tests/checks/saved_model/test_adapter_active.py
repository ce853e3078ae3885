"""adapter_active: an adapter that changes nothing is inactive, one that changes the scores however little is not."""

from __future__ import annotations

import numpy as np
import pytest

from guard.adapted import KINDS, adapted
from guard.builders import make_tasks
from guard.limits import missed
from rerank_guard.checks.saved_model.adapter_active import adapter_active
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status


@pytest.mark.parametrize(
    ("kind", "strength", "n"),
    [
        ("logits", 2.0, 20),
        ("log-probabilities", 2.0, 20),
        ("probabilities", 2.0, 20),
        ("logits", 0.01, 20),
        ("probabilities", 0.01, 2),
    ],
)
def test_an_adapter_that_changes_the_scores_is_active(kind, strength, n):
    tasks, scores, base = adapted(n, strength=strength)
    verdict = adapter_active([KINDS[kind](row) for row in scores], [KINDS[kind](row) for row in base], tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_users_unchanged"] < 0.5
    assert (verdict.affected.n, verdict.affected.of) == (32 * verdict.measured["share_of_users_unchanged"], 32)
    assert verdict.n == 32
    assert missed(verdict) == set()


@pytest.mark.parametrize(
    ("kind", "noise"), [("logits", 0.0), ("logits", 2e-7), ("log-probabilities", 2e-7), ("probabilities", 2e-7)]
)
def test_an_adapter_that_changes_nothing_is_inactive(kind, noise):
    rng = np.random.default_rng(2)
    tasks, _, base = adapted()
    scores = [row * (1.0 + rng.normal(scale=noise, size=len(row))) for row in base]
    verdict = adapter_active([KINDS[kind](row) for row in scores], [KINDS[kind](row) for row in base], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert next(iter(verdict.measured)) == "share_of_users_unchanged"
    assert (verdict.affected.n, verdict.affected.of) == (32, 32)
    assert missed(verdict) == {"share_of_users_unchanged"}
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence


def test_half_of_the_users_decide():
    tasks, scores, base = adapted()
    for unchanged, status in ((15, Status.PASSED), (16, Status.FAILED)):
        verdict = adapter_active([*base[:unchanged], *scores[unchanged:]], base, tasks)
        assert verdict.status is status
        assert verdict.measured["share_of_users_unchanged"] == unchanged / 32
        assert verdict.affected.n == unchanged


def test_confident_scores_whose_probabilities_hide_the_adapter_are_active():
    tasks, scores, base = adapted()
    verdict = adapter_active([1e4 * row for row in scores], [1e4 * row for row in base], tasks)
    assert verdict.status is Status.PASSED


@pytest.mark.parametrize("row", [np.zeros(6), -np.arange(6.0), np.linspace(0.0, 3.0, 6)])
def test_scores_that_ignore_the_task_say_nothing_of_the_adapter(row):
    tasks = make_tasks([1] * 8, [6] * 8)
    verdict = adapter_active([row] * 8, [row] * 8, tasks)
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.measured["share_of_users_unchanged"] == 1.0
    assert verdict.suspects == ()
    assert verdict.cause


def test_one_value_a_user_says_nothing_of_the_adapter():
    tasks = make_tasks([1] * 2, [3, 4])
    rows = [np.full(3, 0.5), np.full(4, 0.7)]
    assert adapter_active(rows, rows, tasks).status is Status.NOT_APPLICABLE


def test_settings_decide_what_is_the_same_and_for_how_many():
    tasks, scores, base = adapted(strength=1e-3)
    assert adapter_active(scores, base, tasks).status is Status.PASSED
    mixed = [*base[:10], *scores[10:]]
    assert adapter_active(mixed, base, tasks, max_unchanged=0.3).status is Status.FAILED
    flat, other = [0.01 * row for row in base], [0.01 * row for row in scores]  # 1e-5 apart, 1e-4 of the range
    assert adapter_active(other, flat, tasks, tolerance=0.0).status is Status.PASSED
    assert adapter_active(other, flat, tasks, tolerance=0.01).status is Status.FAILED
    for settings, words in (({"tolerance": -1}, "tolerance=-1"), ({"max_unchanged": 2}, "max_unchanged=2")):
        with pytest.raises(RerankGuardError, match=words):
            adapter_active(scores, base, tasks, **settings)


def test_rows_that_do_not_belong_to_the_tasks_are_errors():
    tasks, scores, base = adapted()
    with pytest.raises(InvalidScoresError, match="without the adapter"):
        adapter_active(scores, base[:-1], tasks)
    with pytest.raises(InvalidTaskError):
        adapter_active([], [], [])
