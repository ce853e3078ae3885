"""Case 35: shuffled training histories, and training targets that are the oldest items, against the tests' order of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.data.training_follows_time import training_follows_time
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def split(users=150, items=1000, taken=(8, 16), *, seed=0, ids="same", per_user=1, most=None):
    """Leave-last-out: the last interaction is tested, and those before it are trained on."""
    rng = np.random.default_rng(seed)
    training, test = [], []
    for user in range(users):
        weight = 1.0 / np.arange(2, items + 2) ** 0.5
        n = int(rng.integers(*taken, endpoint=True))
        sequence = rng.choice(items, size=n, replace=False, p=weight / weight.sum()).tolist()
        name = f"u{user}" if ids == "same" else f"t{10_000 + 7 * user}"
        for back in range(1, per_user + 1):
            training.append(task(name, sequence[: -1 - back], sequence[-1 - back], most))
        test.append(task(f"u{user}", sequence[:-1], sequence[-1], most))
    return training, test


def task(query_id, history, target, most=None):
    listed = [target, *range(2000, 2009)]
    return RankingTask(
        query_id,
        tuple(Item(f"i{i}", f"item {i}") for i in (history if most is None else history[-most:])),
        tuple(Item(f"i{i}", f"item {i}") for i in listed),
        f"i{target}",
        0,
    )


def shuffled(one, rng):
    return replace(one, history=tuple(one.history[i] for i in rng.permutation(len(one.history))))


def oldest(one):
    first, *rest = (*one.history, one.candidates[0])
    return replace(one, history=tuple(rest), candidates=(first, *one.candidates[1:]), target_id=first.item_id)


SETS = [
    {},
    {"users": 60},
    {"ids": "other"},
    {"items": 200},
    {"taken": (20, 60)},
    {"per_user": 3},
    {"most": 8, "taken": (10, 30)},
]


@pytest.mark.parametrize("kind", SETS)
def test_healthy_splits_are_not_failed(kind):
    for seed in range(3):
        assert training_follows_time(*split(seed=seed, **kind)).status is Status.PASSED


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("backwards", [False, True])
def test_shuffled_or_reversed_histories_are_named(kind, backwards):
    training, test = split(**kind)
    rng = np.random.default_rng(1)
    wrong = [replace(one, history=one.history[::-1]) if backwards else shuffled(one, rng) for one in training]
    verdict = training_follows_time(wrong, test)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-order-differs")


@pytest.mark.parametrize("kind", [kind for kind in SETS if "most" not in kind])
def test_targets_that_are_the_oldest_item_are_named(kind):
    training, test = split(**kind)
    verdict = training_follows_time([oldest(one) for one in training], test)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "target-not-newest")


@pytest.mark.parametrize("items", [30, 120, 5000])
def test_other_users_are_not_compared(items):
    training, _ = split(items=items, seed=1)
    _, test = split(items=items, seed=2)
    verdict = training_follows_time(training, test)
    assert verdict.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("n_test", [8, 30, 60, 120])
def test_users_who_are_alike_are_not_taken_for_each_other(n_test):
    """Histories of one genre share many of their few films by chance, in any order."""
    rng = np.random.default_rng(n_test)

    def of_one_genre(name):
        films = (20 * rng.integers(10) + rng.choice(20, size=7, replace=False)).tolist()
        return task(name, films[:-1], films[-1])

    training = [of_one_genre(f"train-{user}") for user in range(1500)]
    test = [of_one_genre(f"test-{user}") for user in range(n_test)]
    assert training_follows_time(training, test).status is not Status.FAILED


def test_a_few_ties_in_time_pass():
    training, test = split()
    rng = np.random.default_rng(0)
    swapped = []
    for one in training:
        history = list(one.history)
        at = int(rng.integers(len(history) - 1))
        history[at : at + 2] = history[at : at + 2][::-1]
        swapped.append(replace(one, history=tuple(history)))
    assert training_follows_time(swapped, test).status is Status.PASSED
