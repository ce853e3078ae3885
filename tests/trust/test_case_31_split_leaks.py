"""Case 31: a test example under another id, with a history that is shorter or differs by one item, is in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.data.split_disjoint import split_disjoint
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

ITEMS = [Item(str(i), f"film {i}") for i in range(3000)]


def tasks_of(n, seed, prefix, history=6, n_candidates=10, catalogue=3000):
    rng = np.random.default_rng(seed)
    made = []
    for user in range(n):
        items = tuple(ITEMS[i] for i in rng.choice(catalogue, size=history + n_candidates, replace=False).tolist())
        made.append(RankingTask(f"{prefix}{user}", items[:history], items[history:], items[history].item_id, 0))
    return made


def other_negatives(task, rng):
    drawn = tuple(ITEMS[i] for i in rng.choice(3000, size=task.n_candidates - 1, replace=False).tolist())
    return replace(task, candidates=(task.candidates[0], *drawn))


def without(place):
    return lambda history: tuple(item for at, item in enumerate(history) if at != place % len(history))


CHANGES = {
    "the oldest item is missing": without(0),
    "the newest item is missing": without(-1),
    "an item in the middle is missing": without(2),
    "one more old item": lambda history: (ITEMS[2999], *history),
    "one item is another one": lambda history: (*history[:2], ITEMS[2998], *history[3:]),
    "only the last four items": lambda history: history[-4:],
    "the order is another one": lambda history: (*history[3:], *history[:3]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("n_leaked", [400, 60])
def test_a_leak_under_other_ids_fails(change, n_leaked):
    rng = np.random.default_rng(7)
    tasks = tasks_of(400, 0, "test-")
    leaked = [
        replace(other_negatives(task, rng), query_id=f"other-{user}", history=CHANGES[change](task.history))
        for user, task in enumerate(tasks[:n_leaked])
    ]
    verdict = split_disjoint([*tasks_of(800, 1, "train-"), *leaked], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "split-overlap")
    assert verdict.measured["overlapping_test_tasks"] == n_leaked
    assert verdict.measured["same_choice_under_another_query"] == n_leaked


@pytest.mark.parametrize("history", [5, 12, 30])
def test_histories_of_other_lengths(history):
    rng = np.random.default_rng(7)
    tasks = tasks_of(200, 0, "test-", history=history)
    leaked = [
        replace(other_negatives(task, rng), query_id=f"other-{user}", history=task.history[1:])
        for user, task in enumerate(tasks)
    ]
    verdict = split_disjoint([*tasks_of(800, 1, "train-", history=history), *leaked], tasks)
    assert verdict.measured["overlapping_test_tasks"] == 200


def test_two_tasks_that_are_nearly_alike_are_no_leak():
    rng = np.random.default_rng(7)
    tasks = tasks_of(400, 0, "test-")
    leaked = [
        replace(other_negatives(task, rng), query_id=f"other-{task.query_id}", history=task.history[1:])
        for task in tasks[:2]
    ]
    assert split_disjoint([*tasks_of(1600, 1, "train-"), *leaked], tasks).status is Status.PASSED
    same_list = [replace(task, query_id=f"other-{task.query_id}", history=task.history[1:]) for task in tasks[:2]]
    assert split_disjoint([*tasks_of(1600, 1, "train-"), *same_list], tasks).measured["overlapping_test_tasks"] == 2


def series(n_users, seed, prefix, n_series=30, length=12):
    """Users watch a series in order, so that many make the same choice after the same items."""
    rng = np.random.default_rng(seed)
    made = []
    for user in range(n_users):
        first = int(rng.integers(n_series)) * length
        seen = int(rng.integers(5, length - 1))
        candidates = (
            ITEMS[first + seen],
            *(ITEMS[i] for i in rng.choice(np.arange(1000, 3000), size=9, replace=False)),
        )
        made.append(
            RankingTask(
                f"{prefix}{user}",
                tuple(ITEMS[first + i] for i in range(seen)),
                candidates,
                candidates[0].item_id,
                0,
            )
        )
    return made


@pytest.mark.parametrize("seed", range(3))
def test_series_that_are_watched_in_order_pass(seed):
    assert split_disjoint(series(900, seed, "train-"), series(200, 100 + seed, "test-")).status is Status.PASSED


@pytest.mark.parametrize("seed", range(3))
def test_sliding_windows_of_other_users_pass(seed):
    """Each step of a training user's history is an example under an id of its own."""
    rng = np.random.default_rng(seed)
    train = []
    for user in range(150):
        seen = [ITEMS[i] for i in rng.choice(600, size=14, replace=False).tolist()]
        for step in range(6, 13):
            candidates = (seen[step], *(ITEMS[i] for i in rng.choice(np.arange(600, 1000), size=9, replace=False)))
            train.append(RankingTask(f"{user}-{step}", tuple(seen[:step]), candidates, seen[step].item_id, 0))
    assert split_disjoint(train, tasks_of(200, 50 + seed, "test-", catalogue=600)).status is Status.PASSED
