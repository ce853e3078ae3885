"""target_positions_uniform: uniform lists pass, each kind of skew is named, from a severity on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, random_tasks
from guard.limits import missed
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.faults.data import TARGET_POSITION_SKEW
from rerank_guard.core.finding import Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

LENGTHS = {
    "N=50": lambda users, rng: np.full(users, 50),
    "N=2": lambda users, rng: np.full(users, 2),
    "ragged": lambda users, rng: rng.integers(5, 60, size=users),
    "every N once": lambda users, rng: 5 + np.arange(users),
}


def table_of(positions, lengths):
    """Many tasks at once, all of the same items."""
    rows = [np.arange(n) for n in lengths]
    return TaskTable.from_arrays(
        item_ids=[f"i{i}" for i in range(max(lengths))],
        item_texts=["item"] * max(lengths),
        query_ids=[f"user-{u}" for u in range(len(lengths))],
        candidates=np.concatenate(rows),
        candidate_offsets=np.concatenate([[0], np.cumsum(lengths)]),
        target=positions,
        target_position=positions,
    )


def tasks_with(position_of, lengths, rng):
    return make_tasks([int(position_of(int(n), rng)) for n in lengths], [int(n) for n in lengths])


@pytest.mark.parametrize(
    ("users", "lengths"), [(1, "N=50"), (2, "ragged"), (30, "every N once"), (500, "N=2"), (500, "ragged")]
)
def test_uniform_positions_pass(users, lengths):
    rng = np.random.default_rng(users)
    verdict = target_positions_uniform(random_tasks(rng, LENGTHS[lengths](users, rng).tolist()))
    assert verdict.status is Status.PASSED
    assert (verdict.suspects, verdict.evidence, verdict.cause, missed(verdict)) == ((), (), "", set())
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


@pytest.mark.parametrize(
    ("skew", "lengths"),
    [*((skew, "ragged") for skew in SKEWS), ("always first", "N=50"), ("always last", "every N once")],
)
def test_skewed_positions_are_named(skew, lengths):
    rng = np.random.default_rng(0)
    verdict = target_positions_uniform(tasks_with(SKEWS[skew], LENGTHS[lengths](300, rng), rng))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "target-position-skew"), verdict.measured
    assert verdict.p_failed <= 1e-6
    assert missed(verdict) == {"log10_e_value"}
    assert verdict.suspects[0].strength is Strength.MEASURED
    assert verdict.evidence[0].startswith("position ")
    assert verdict.next_step == TARGET_POSITION_SKEW.fix


RECORDED = {
    "always first": (68.73060813527525, 0.9306705981768568),
    "always second": (68.73060813527525, 0.9306705981768568),
    "a third first": (12.259860911110811, 0.3806705981768569),
    "mostly in the first half": (5.501173315238734, 0.4666666666666667),
    "never in the last third": (4.810825196941651, 0.31666666666666665),
    "first or last": (16.767084077943043, 0.44733726484352354),
    "only in the middle": (7.766065320722525, 0.075),
}
"""log10 e-value and largest excess share of 60 ragged lists."""


@pytest.mark.parametrize("skew", RECORDED)
def test_e_values_are_those_recorded(skew):
    rng = np.random.default_rng(7)
    measured = target_positions_uniform(tasks_with(SKEWS[skew], rng.integers(5, 30, size=60), rng)).measured
    assert (measured["log10_e_value"], measured["largest_excess_share"]) == pytest.approx(RECORDED[skew])
    assert measured["least_share_moved_shown"] == pytest.approx(0.2764705882352941)


def test_the_e_value_of_lists_in_first_stage_order_is_that_recorded():
    tasks = by_first_stage(lambda n, rng: n - 1 if rng.random() < 0.4 else rng.integers(n // 3), users=60)
    assert target_positions_uniform(tasks).measured["log10_e_value"] == pytest.approx(11.645446103482605)


def test_the_place_of_the_skew_is_shown():
    rng = np.random.default_rng(0)
    verdict = target_positions_uniform(tasks_with(SKEWS["always last"], LENGTHS["ragged"](200, rng), rng))
    assert verdict.measured["where"] == "position 1 from the end"
    assert verdict.measured["share_there"] == 1.0
    assert len(verdict.evidence) == 5
    two = target_positions_uniform(tasks_with(lambda n, rng: 0, np.full(100, 2), rng))
    assert two.fault == "target-position-skew"
    assert two.measured["where"] in ("first half", "position 0")


def test_the_evidence_shows_counts_expectations_and_users():
    tasks = make_tasks([0] * 60 + [1] * 8 + [3] * 4, [4] * 72)
    verdict = target_positions_uniform(tasks)
    assert verdict.evidence == (
        "position 0: 60 target items, 18.0 expected",
        "position 1: 8 target items, 18.0 expected",
        "position 3: 4 target items, 18.0 expected",
        "share of target items by quarter of the list: 83.3%, 11.1%, 0.0%, 5.6%",
        "at position 0: query 'user-0', query 'user-1', query 'user-2', query 'user-3', query 'user-4'",
    )
    assert verdict.measured["largest_excess_share"] == pytest.approx(60 / 72 - 1 / 4)
    assert verdict.measured["share_in_first_half"] == pytest.approx(68 / 72)
    assert 10.0 ** -verdict.measured["log10_e_value"] == pytest.approx(verdict.p_failed)


def test_the_training_tasks_are_judged_under_a_name_of_their_own():
    variant = target_positions_uniform.variants["training_target_positions_uniform"]
    assert variant.inputs == {"tasks": "training_tasks"}


@pytest.mark.parametrize(
    ("users", "caught", "passed"), [(200, 0.16, 0.02), (500, 0.10, 0.015), (3200, 0.04, 0.005)]
)
def test_the_severity_from_which_it_catches(users, caught, passed):
    rng = np.random.default_rng(users)

    def fails(share):
        positions = np.where(rng.random(users) < share, 0, rng.integers(50, size=users))
        return target_positions_uniform(table_of(positions, np.full(users, 50)))

    assert fails(caught).status is Status.FAILED
    quiet = fails(passed)
    assert quiet.status is Status.PASSED
    assert passed < quiet.measured["least_share_moved_shown"] < caught


def test_too_few_users_show_nothing_and_say_so():
    verdict = target_positions_uniform(make_tasks([0, 0, 0], [50] * 3))
    assert verdict.status is Status.PASSED
    assert verdict.measured["least_share_moved_shown"] is None


def test_a_skew_below_the_effect_is_not_counted():
    rng = np.random.default_rng(0)
    positions = np.where(rng.random(20_000) < 0.03, 0, rng.integers(20, size=20_000))
    tasks = table_of(positions, np.full(20_000, 20))
    assert target_positions_uniform(tasks).status is Status.FAILED
    tolerated = target_positions_uniform(tasks, effect=0.1)
    assert tolerated.status is Status.PASSED
    assert (tolerated.signs, missed(tolerated)) == ({"largest_excess_share": "<="}, set())
    assert tolerated.threshold == {"largest_excess_share": 0.1, "log10_e_value": pytest.approx(6.0)}


def test_the_level_can_be_set():
    tasks = make_tasks([0] * 6 + [3, 9, 14, 17], [20] * 10)
    p_value = target_positions_uniform(tasks).p_failed
    assert target_positions_uniform(tasks, alpha=0.9 * p_value).status is Status.PASSED
    assert target_positions_uniform(tasks, alpha=1.1 * p_value).status is Status.FAILED


def test_repeated_tasks_are_no_new_draws():
    tasks = random_tasks(np.random.default_rng(2), [20] * 40)
    assert target_positions_uniform(tasks * 30).measured == target_positions_uniform(tasks).measured
    skewed = make_tasks([0, 0, 0], [50] * 3)
    assert target_positions_uniform(skewed * 100).status is Status.PASSED


def test_positions_are_those_of_the_target_item_not_those_declared():
    tasks = [replace(task, target_index=0) for task in random_tasks(np.random.default_rng(0), [20] * 300)]
    assert target_positions_uniform(tasks).status is Status.PASSED
    lost = [make_task(None, 20, user=u) for u in range(300)]
    assert target_positions_uniform(lost).status is Status.NOT_APPLICABLE
    assert target_positions_uniform(lost + tasks[:5]).n == 5


def test_lists_of_one_candidate_show_no_position():
    alone = [make_task(0, 1, user=1000 + u) for u in range(300)]
    assert target_positions_uniform(alone).status is Status.NOT_APPLICABLE
    verdict = target_positions_uniform(alone + random_tasks(np.random.default_rng(0), [20] * 300))
    assert (verdict.status, verdict.n) == (Status.PASSED, 300)


def by_first_stage(position_of, users=400, n=20):
    rng = np.random.default_rng(0)
    scores = tuple(float(n - i) for i in range(n))
    return [replace(task, first_stage_scores=scores) for task in tasks_with(position_of, np.full(users, n), rng)]


def test_the_first_stages_order_is_its_skill_unless_the_target_item_was_put_there():
    skilled = target_positions_uniform(by_first_stage(lambda n, rng: min(n - 1, int(rng.exponential(4)))))
    assert skilled.status is Status.NOT_APPLICABLE
    assert skilled.n == 400
    assert skilled.measured["share_in_first_half"] > 0.8
    always_first = by_first_stage(lambda n, rng: 0)
    assert target_positions_uniform(always_first).fault == "target-position-skew"
    assert target_positions_uniform(always_first, most_first=0.999).status is Status.NOT_APPLICABLE
    assert target_positions_uniform(by_first_stage(lambda n, rng: n - 1)).fault == "target-position-skew"
    appended = by_first_stage(lambda n, rng: n - 1 if rng.random() < 0.4 else rng.integers(n // 3))
    assert target_positions_uniform(appended).fault == "target-position-skew"


def test_settings_and_empty_lists_are_refused():
    with pytest.raises(InvalidTaskError, match="no tasks"):
        target_positions_uniform([])
    for settings in ({"alpha": 0.0}, {"effect": 1.0}, {"most_first": 1.0}):
        with pytest.raises(SettingError, match=next(iter(settings))):
            target_positions_uniform(make_tasks([0], [5]), **settings)
