"""target_slots_even: even lists pass, each kind of skew is named, in degrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, random_tasks
from rerank_guard.checks.slots import check_target_slots_even, distinct_tasks
from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.verdict import Status

LENGTHS = {
    "N=50": lambda users, rng: np.full(users, 50),
    "N=2": lambda users, rng: np.full(users, 2),
    "ragged": lambda users, rng: rng.integers(5, 60, size=users),
    "every N once": lambda users, rng: 5 + np.arange(users),
}


def tasks_with(slot_of, lengths, rng):
    return make_tasks([int(slot_of(int(n), rng)) for n in lengths], [int(n) for n in lengths])


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("users", [1, 2, 30, 500])
def test_even_slots_pass(lengths, users):
    rng = np.random.default_rng(users)
    for _ in range(5):
        verdict = check_target_slots_even(random_tasks(rng, LENGTHS[lengths](users, rng).tolist()))
        assert verdict.status is Status.PASSED
        assert (verdict.fault, verdict.evidence, verdict.cause) == (None, (), "")
        assert verdict.p_failed > 1e-6


SKEWS = {
    "always first": lambda n, rng: 0,
    "always last": lambda n, rng: n - 1,
    "always second": lambda n, rng: 1,
    "a third first": lambda n, rng: 0 if rng.random() < 0.4 else rng.integers(n),
    "mostly in the first half": lambda n, rng: rng.integers(n // 2) if rng.random() < 0.9 else rng.integers(n),
    "never in the last third": lambda n, rng: rng.integers(max(1, 2 * n // 3)),
    "first or last": lambda n, rng: (0, n - 1)[rng.integers(2)],
    "only in the middle": lambda n, rng: n // 4 + rng.integers(n // 2),
}


@pytest.mark.parametrize("lengths", ["N=50", "ragged", "every N once"])
@pytest.mark.parametrize("skew", SKEWS)
def test_skewed_slots_are_named(skew, lengths):
    rng = np.random.default_rng(0)
    verdict = check_target_slots_even(tasks_with(SKEWS[skew], LENGTHS[lengths](300, rng), rng))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "gt-position-skew"), verdict.measured
    assert verdict.p_failed <= 1e-6
    assert verdict.evidence
    assert verdict.next_step


def test_the_place_of_the_skew_is_shown():
    rng = np.random.default_rng(0)
    verdict = check_target_slots_even(tasks_with(SKEWS["always last"], LENGTHS["ragged"](200, rng), rng))
    assert verdict.measured["where"] == "slot 1 from the end"
    assert verdict.measured["share_there"] == 1.0
    two = check_target_slots_even(tasks_with(lambda n, rng: 0, np.full(100, 2), rng))
    assert two.fault == "gt-position-skew"


@pytest.mark.parametrize(
    ("users", "caught", "missed"), [(200, 0.16, 0.02), (500, 0.10, 0.015), (3200, 0.04, 0.005)]
)
def test_the_severity_from_which_it_catches(users, caught, missed):
    rng = np.random.default_rng(users)

    def fails(share):
        slots = np.where(rng.random(users) < share, 0, rng.integers(50, size=users))
        return check_target_slots_even(make_tasks(slots.tolist(), [50] * users))

    assert all(fails(caught).status is Status.FAILED for _ in range(5))
    quiet = [fails(missed) for _ in range(5)]
    assert all(verdict.status is Status.PASSED for verdict in quiet)
    assert missed < quiet[0].measured["least_share_moved_shown"] < caught


def test_too_few_users_show_nothing_and_say_so():
    verdict = check_target_slots_even(make_tasks([0, 0, 0], [50] * 3))
    assert verdict.status is Status.PASSED
    assert verdict.measured["least_share_moved_shown"] is None


def test_a_skew_below_the_effect_is_not_counted():
    rng = np.random.default_rng(0)
    slots = np.where(rng.random(20_000) < 0.03, 0, rng.integers(20, size=20_000))
    tasks = make_tasks(slots.tolist(), [20] * 20_000)
    assert check_target_slots_even(tasks).status is Status.FAILED
    assert check_target_slots_even(tasks, effect=0.1).status is Status.PASSED


def test_repeated_tasks_are_no_new_draws():
    tasks = random_tasks(np.random.default_rng(2), [20] * 40)
    assert check_target_slots_even(tasks * 30).measured == check_target_slots_even(tasks).measured
    assert distinct_tasks(tasks * 3) == tasks


def test_slots_are_those_of_the_target_not_those_declared():
    tasks = [replace(task, target_index=0) for task in random_tasks(np.random.default_rng(0), [20] * 300)]
    assert check_target_slots_even(tasks).status is Status.PASSED
    lost = [make_task(None, 20, user=u) for u in range(300)]
    assert check_target_slots_even(lost).status is Status.NOT_APPLICABLE
    assert check_target_slots_even(lost + tasks[:5]).n == 5


def by_retriever(slot_of, users=400, n=20):
    rng = np.random.default_rng(0)
    scores = tuple(float(n - i) for i in range(n))
    return [replace(task, retriever_scores=scores) for task in tasks_with(slot_of, np.full(users, n), rng)]


def test_the_retrievers_order_is_its_skill_unless_the_target_was_put_there():
    skilled = check_target_slots_even(by_retriever(lambda n, rng: min(n - 1, int(rng.exponential(4)))))
    assert skilled.status is Status.NOT_APPLICABLE
    assert "retriever" in skilled.cause
    assert check_target_slots_even(by_retriever(lambda n, rng: 0)).fault == "gt-position-skew"
    assert check_target_slots_even(by_retriever(lambda n, rng: n - 1)).fault == "gt-position-skew"
    appended = by_retriever(lambda n, rng: n - 1 if rng.random() < 0.4 else rng.integers(n // 3))
    assert check_target_slots_even(appended).fault == "gt-position-skew"


def test_settings_and_empty_lists_are_refused():
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_target_slots_even([])
    for settings in ({"alpha": 0.0}, {"effect": 1.0}):
        with pytest.raises(RerankGuardError, match=next(iter(settings))):
            check_target_slots_even(make_tasks([0], [5]), **settings)
