"""users_accounted_for: who was left out is counted, and leaving out the hard ones fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, scores_that_hit
from guard.limits import missed
from rerank_guard.checks.data.users_accounted_for import users_accounted_for
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, SettingError, VacuousMetricError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.population import Population
from rerank_guard.core.verdict import Status

USERS, N, K = 100, 10, 3
LOST, SHORT = "target not retrieved", "history shorter than 3"


def judged(n_tasks, population, *, hits=40, unlisted=0, **settings):
    """Tasks of which the first `hits` are hits and the last `unlisted` do not list their target."""
    positions = [user % N if user < n_tasks - unlisted else None for user in range(n_tasks)]
    tasks = make_tasks(positions, [N] * n_tasks)
    scores = scores_that_hit(tasks, [user < hits for user in range(n_tasks)])
    return users_accounted_for(scores, tasks, population, K, **settings)


def test_a_pipeline_that_keeps_everybody_passes_and_shows_both_recalls():
    verdict = judged(USERS, Population(USERS), unlisted=20)
    assert verdict.status is Status.PASSED
    assert verdict.measured["recall_where_target_is_listed"] == pytest.approx(40 / 80)
    assert verdict.measured["recall_end_to_end"] == verdict.measured["recall_of_population"] == pytest.approx(0.4)
    assert (verdict.check, verdict.suspects, verdict.cause) == ("users_accounted_for[K=3]", (), "")
    assert (verdict.affected, missed(verdict)) == (Affected(0, USERS, "users"), set())


def test_silently_dropped_users_are_survivorship():
    """The list is cut to N, the target item is lost, the loop continues with the next user."""
    verdict = judged(80, Population(USERS))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "survivorship")
    assert next(iter(verdict.measured.items())) == ("users_unaccounted_for", 20)
    assert verdict.measured["recall_where_target_is_listed"] == pytest.approx(0.5)
    assert verdict.measured["recall_of_population"] == pytest.approx(0.4), "the skipped users are misses"
    assert verdict.evidence == ("no reason declared: 20 users, 20.0%",)
    assert (verdict.affected, missed(verdict)) == (Affected(20, USERS, "users"), {"users_unaccounted_for"})
    assert verdict.suspects[0].strength is Strength.SEEN


def test_a_single_dropped_user_is_enough():
    verdict = judged(USERS - 1, Population(USERS))
    assert verdict.fault == "survivorship"
    assert verdict.evidence == ("no reason declared: 1 users, 1.0%",)
    assert judged(USERS, Population(USERS - 1), hits=USERS).evidence == (
        "counted more than once, or not in the population: 1 users",
    )


def test_declaring_the_loss_does_not_excuse_it():
    verdict = judged(90, Population(USERS, {LOST: 6, SHORT: 4}, frozenset({SHORT})))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "survivorship")
    assert next(iter(verdict.measured.items())) == ("share_left_out_by_target", pytest.approx(0.06))
    assert verdict.evidence == (
        "target not retrieved: 6 users, 6.0% (depends on the target)",
        "history shorter than 3: 4 users, 4.0% (independent of the target)",
    )
    assert (verdict.affected, missed(verdict)) == (Affected(6, USERS, "users"), {"share_left_out_by_target"})
    assert "6.0% of the population" in verdict.cause


def test_few_lost_users_and_any_number_of_harmless_ones_pass():
    verdict = judged(45, Population(USERS, {LOST: 5, SHORT: 50}, frozenset({SHORT})))
    assert verdict.status is Status.PASSED, "exactly the allowed share is allowed"
    assert verdict.measured["recall_of_population"] == pytest.approx(0.4)
    assert len(verdict.evidence) == 2, "the reasons are shown nevertheless"


def test_a_reason_counts_against_the_target_unless_declared_otherwise():
    assert judged(90, Population(USERS, {SHORT: 10})).fault == "survivorship"
    assert judged(90, Population(USERS, {SHORT: 10}), most_left_out=0.1).status is Status.PASSED


def test_more_tasks_than_users_is_a_miscount():
    verdict = judged(USERS, Population(USERS - 10), hits=USERS)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "survivorship")
    assert verdict.measured["users_unaccounted_for"] == -10
    assert verdict.measured["recall_of_population"] <= 1.0
    assert verdict.affected == Affected(10, USERS - 10, "users")
    assert verdict.evidence == ("counted more than once, or not in the population: 10 users",)


def test_nobody_listed_has_no_conditional_recall():
    verdict = judged(USERS, Population(USERS), unlisted=USERS)
    assert verdict.measured["recall_where_target_is_listed"] is None
    assert verdict.measured["recall_end_to_end"] == 0.0


def test_counts_from_numpy_are_plain_numbers_in_the_verdict():
    verdict = judged(90, Population(np.int64(USERS), {LOST: np.int64(10)}))
    assert {type(value) for value in verdict.measured.values()} <= {int, float}


def test_two_tasks_of_one_query_could_hide_a_lost_user():
    tasks = make_tasks([0] * 4, [N] * 4)
    doubled = [*tasks[:3], replace(tasks[3], query_id=tasks[0].query_id)]
    verdict = users_accounted_for(scores_that_hit(doubled, [True] * 4), doubled, Population(4), K)
    assert verdict.status is Status.NOT_APPLICABLE, "a common layout, and no fault of it"
    assert "query 'user-0' has 2 tasks" in verdict.cause


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), r"n_users is -1"),
        ((10.5,), r"n_users is 10\.5"),
        ((10, {LOST: -3}), r"left_out\['target not retrieved'\] is -3"),
        ((10, {LOST: True}), r"is True; give a whole number"),
        ((10, {LOST: 7, SHORT: 4}), r"11 users are left out of a population of 10"),
        ((10, {LOST: 1}, frozenset({"lost"})), r"'lost' is declared.*reasons: 'target not retrieved'\)"),
    ],
)
def test_an_impossible_population_is_refused(arguments, message):
    with pytest.raises(InvalidTaskError, match=message):
        Population(*arguments)


def test_settings_and_inputs_that_decide_nothing_are_refused():
    tasks = make_tasks([0, 1], [N, N])
    scores = scores_that_hit(tasks, [True, True])
    population = Population(2)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        users_accounted_for([], [], population, K)
    for most_left_out in (float("nan"), -0.01, 1.0, 1.01):
        with pytest.raises(SettingError, match=f"most_left_out={most_left_out}"):
            users_accounted_for(scores, tasks, population, K, most_left_out=most_left_out)
    for most_left_out in (0.0, 0.999):
        verdict = users_accounted_for(scores, tasks, population, K, most_left_out=most_left_out)
        assert verdict.status is Status.PASSED
    with pytest.raises(InvalidTaskError, match="population has no users"):
        users_accounted_for(scores, tasks, Population(0), K)
    with pytest.raises(VacuousMetricError):
        users_accounted_for(scores, tasks, population, N)
    with pytest.raises(InvalidScoresError):
        users_accounted_for(scores[:1], tasks, population, K)


def test_promised_decides_whether_a_first_stage_may_lose_users():
    tasks = [
        replace(task, first_stage_scores=tuple(np.arange(10.0, 0.0, -1.0)))
        for task in make_tasks([0] * 9, [10] * 9)
    ]
    lost = Population(12, {"not retrieved": 3})
    scores = scores_that_hit(tasks, [True] * 9)
    assert users_accounted_for(scores, tasks, lost, 5).status is Status.PASSED
    assert users_accounted_for(scores, tasks, lost, 5, promised=True).fault == "survivorship"
