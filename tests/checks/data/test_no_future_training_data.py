"""no_future_training_data: a split that looks ahead fails, by the split's own claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.limits import missed
from rerank_guard.checks.data.no_future_training_data import no_future_training_data
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.verdict import Status

USERS, EACH = 30, 12


def history(rng):
    """Users and distinct times of all interactions, in the order of the users, times unsorted."""
    users = np.repeat([f"u{user}" for user in range(USERS)], EACH)
    return users, rng.permutation(len(users)) * 10


def split(users, times, held, claim):
    return SplitTimes(users[~held], times[~held], users[held], times[held], claim)


def last_of_each(users, times):
    held = np.zeros(len(users), dtype=bool)
    for user in set(users):
        mine = np.flatnonzero(users == user)
        held[mine[np.argmax(times[mine])]] = True
    return held


def test_a_cut_in_time_passes():
    users, times = history(np.random.default_rng(0))
    verdict = no_future_training_data(split(users, times, times >= np.quantile(times, 0.8), "time"))
    assert verdict.status is Status.PASSED
    assert verdict.measured["training_interactions_after_first_test_time"] == 0
    assert verdict.measured["share_of_queries_with_later_training_of_others"] == 0.0
    assert (verdict.evidence, verdict.suspects, missed(verdict)) == ((), (), set())
    assert verdict.affected == Affected(0, int((times < np.quantile(times, 0.8)).sum()), "training interactions")


def test_one_later_interaction_in_training_breaks_a_cut_in_time():
    healthy = SplitTimes(["a", "b", "b"], [1, 2, 3], ["a", "b"], [5, 9], "time")
    assert no_future_training_data(healthy).status is Status.PASSED
    verdict = no_future_training_data(replace(healthy, train_users=["a", "b", "b", "c"], train_times=[1, 2, 3, 7]))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "temporal-leak")
    assert verdict.evidence == ("training row 3: user 'c' at 7, 2 after the first test time 5",)
    assert next(iter(verdict.measured.items())) == ("training_interactions_after_first_test_time", 1)
    assert verdict.affected == Affected(1, 4, "training interactions")
    assert missed(verdict) == {"training_interactions_after_first_test_time"}
    assert verdict.suspects[0].strength is Strength.SEEN
    assert "cut by time" in verdict.next_step


def test_leave_last_out_passes_its_own_claim_and_fails_that_of_a_cut_in_time():
    users, times = history(np.random.default_rng(0))
    held = last_of_each(users, times)
    verdict = no_future_training_data(split(users, times, held, "leave-last-out"))
    assert verdict.status is Status.PASSED
    assert verdict.measured["later_training_interactions_of_test_users"] == 0
    assert verdict.measured["share_of_queries_with_later_training_of_others"] > 0.4, "the known optimism is shown"
    claimed = no_future_training_data(split(users, times, held, "time"))
    assert (claimed.status, claimed.fault) == (Status.FAILED, "temporal-leak")
    assert len({row.split("user ")[1].split()[0] for row in claimed.evidence}) == 5, "rows of different users"


def test_a_target_drawn_at_random_is_not_the_last():
    rng = np.random.default_rng(1)
    users, times = history(rng)
    held = np.zeros(len(users), dtype=bool)
    held[np.arange(USERS) * EACH + rng.integers(EACH, size=USERS)] = True
    verdict = no_future_training_data(split(users, times, held, "leave-last-out"))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "temporal-leak")
    assert len(verdict.evidence) == 5
    assert "after the user's test time" in verdict.evidence[0]
    assert (
        next(iter(verdict.threshold)) == next(iter(verdict.measured)) == "later_training_interactions_of_test_users"
    )
    assert "Sort each user's interactions" in verdict.next_step


def test_counts_equal_those_of_a_plain_loop():
    rng = np.random.default_rng(2)
    for claim in ("time", "leave-last-out"):
        # few times, so that equal ones are common; several queries a user
        train_users, train_times = rng.integers(6, size=80), rng.integers(15, size=80)
        test_users, test_times = rng.integers(6, size=20), rng.integers(15, size=20)
        verdict = no_future_training_data(
            SplitTimes(
                np.append(train_users, range(6)), np.append(train_times, [0] * 6), test_users, test_times, claim
            )
        )
        others = [sum(t > when and u != user for u, t in zip(train_users, train_times, strict=True))
                  for user, when in zip(test_users, test_times, strict=True)]  # fmt: skip
        own = sum(any(u == user and t > when for user, when in zip(test_users, test_times, strict=True))
                  for u, t in zip(train_users, train_times, strict=True))  # fmt: skip
        assert verdict.measured["later_training_interactions_of_test_users"] == own
        assert verdict.measured["training_interactions_after_first_test_time"] == (
            (train_times > test_times.min()).sum()
        )
        assert verdict.measured["share_of_queries_with_later_training_of_others"] == np.mean(np.array(others) > 0)
        assert verdict.measured["mean_share_of_training_later_of_others"] == pytest.approx(np.mean(others) / 86)


def test_equal_times_are_not_later():
    for claim in ("time", "leave-last-out"):
        times = SplitTimes(["a", "b"], [5, 5], ["a", "b"], [5, 5], claim)
        assert no_future_training_data(times).status is Status.PASSED


def test_close_whole_times_are_told_apart():
    """Nanoseconds since 1970 need more digits than a float64 has."""
    now = 1_700_000_000_000_000_000
    times = SplitTimes([1, 2], [now, now + 1], [1], [now], "time")
    assert no_future_training_data(times).evidence == (
        f"training row 1: user 2 at {now + 1}, 1 after the first test time {now}",
    )


def test_the_earliest_query_of_a_user_counts():
    """Validation and test targets of one user: what lies between them is later than the first."""
    times = SplitTimes(["a", "a"], [1, 6], ["a", "a"], [5, 9], "leave-last-out")
    assert no_future_training_data(times).fault == "temporal-leak"


def test_a_new_user_is_no_fault_of_a_cut_in_time_and_impossible_in_leave_last_out():
    times = SplitTimes(["a"], [1.0], ["a", "new"], [5.0, 6.0], "time")
    assert no_future_training_data(times).status is Status.PASSED
    with pytest.raises(InvalidTaskError, match=r"1 test user\(s\) have no interaction in training, such as 'new'"):
        no_future_training_data(replace(times, claim="leave-last-out"))


HEALTHY = SplitTimes(["a", "b"], [1.0, 2.0], ["a"], [5.0], "time")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"claim": "random"}, r"claim is 'random'; give one of 'time', 'leave-last-out'"),
        ({"train_times": [1.0, float("nan")]}, r"train_times is nan at row 1 \(1 such rows\)"),
        ({"test_times": [float("inf")]}, r"test_times is inf at row 0"),
        ({"train_times": ["1998", "1999"]}, r"train_times has the dtype <U4 \(first: .*'1998'"),
        ({"train_times": [1.0]}, r"train_users has 2 entries and train_times 1"),
        ({"test_users": [], "test_times": []}, r"test_times has the shape \(0,\)"),
        ({"test_users": []}, r"test_users has the shape \(0,\)"),
        ({"train_users": [["a"], ["b"]]}, r"train_users holds \['a'\] \(type list\)"),
        ({"train_users": ["a", 7]}, r"train_users holds 7 \(type int\); give user ids that are all text"),
        ({"train_users": [7, None]}, r"train_users holds None"),
        ({"train_users": [7, 8]}, r"train_users are such as 7, test_users such as 'a'"),
    ],
)
def test_malformed_times_and_ids_are_refused(change, message):
    with pytest.raises(InvalidTaskError, match=message):
        no_future_training_data(replace(HEALTHY, **change))


def test_ids_may_come_as_a_column_of_objects():
    users = np.array(["a", "b"], dtype=object)
    assert no_future_training_data(replace(HEALTHY, train_users=users)).status is Status.PASSED


def test_one_later_interaction_of_another_user_is_measured_and_fails_nothing():
    verdict = no_future_training_data(SplitTimes(["a", "b"], [1, 7], ["a"], [5], "leave-last-out"))
    assert verdict.status is Status.PASSED
    assert verdict.measured["share_of_queries_with_later_training_of_others"] == 1.0
    assert verdict.measured["mean_share_of_training_later_of_others"] == 0.5


@pytest.mark.parametrize("kind", [np.uint64, np.uint32, np.int16, np.float32])
def test_times_of_any_kind_of_number_are_read(kind):
    times = SplitTimes([1, 2], np.array([3, 9], dtype=kind), [1], np.array([5], dtype=kind), "time")
    assert no_future_training_data(times).measured["training_interactions_after_first_test_time"] == 1
