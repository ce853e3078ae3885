"""D16: negatives that are the same for every user, or that are never target items elsewhere; and what healthy lists look like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.data.negatives_not_easy import negatives_not_easy
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def lists(users, n, catalogue, *, targets, negatives, seed=0):
    """Targets and negatives drawn by the given weights over the catalogue; negatives without the target item."""
    rng = np.random.default_rng(seed)
    made = []
    for user in range(users):
        target = int(rng.choice(catalogue, p=targets))
        keys = rng.random(catalogue) ** (1.0 / np.maximum(negatives, 1e-300))
        keys[(negatives == 0.0) | (np.arange(catalogue) == target)] = -1.0
        made.append(listed(user, target, np.argsort(-keys)[: n - 1].tolist(), rng))
    return made


def listed(user, target, negatives, rng):
    items = [target, *negatives]
    order = rng.permutation(len(items)).tolist()
    return RankingTask(
        f"u{user}",
        (),
        tuple(Item(f"i{items[i]}", f"item {items[i]}") for i in order),
        f"i{target}",
        order.index(0),
    )


def uniform(size):
    return np.full(size, 1.0 / size)


def popular(size, power=1.0):
    weight = 1.0 / np.arange(1, size + 1) ** power
    return weight / weight.sum()


@pytest.mark.parametrize(
    ("users", "n", "catalogue"),
    [(400, 20, 60), (400, 20, 300), (60, 10, 300), (150, 50, 60), (150, 50, 3000), (60, 10, 20_000)],
)
@pytest.mark.parametrize("kind", ["uniform", "popular targets", "popular both", "popular negatives"])
def test_healthy_sampling_passes(users, n, catalogue, kind):
    targets = popular(catalogue) if kind in ("popular targets", "popular both") else uniform(catalogue)
    negatives = popular(catalogue, 0.75) if "both" in kind or "negatives" in kind else uniform(catalogue)
    tasks = lists(users, n, catalogue, targets=targets, negatives=negatives)
    assert negatives_not_easy(tasks).status is Status.PASSED


@pytest.mark.parametrize(("catalogue", "n"), [(20, 20), (21, 20), (23, 20), (12, 10)])
def test_a_small_catalogue_passes(catalogue, n):
    tasks = lists(300, n, catalogue, targets=popular(catalogue), negatives=uniform(catalogue))
    assert negatives_not_easy(tasks).status is Status.PASSED


def test_several_targets_of_a_user_beside_the_users_own_negatives_pass():
    rng = np.random.default_rng(0)
    tasks = []
    for user in range(150):
        drawn = rng.choice(50_000, size=24, replace=False).tolist()
        tasks += [listed(f"{user}-{t}", target, drawn[5:], rng) for t, target in enumerate(drawn[:5])]
    assert negatives_not_easy(tasks).status is Status.PASSED


def test_items_of_their_own_for_each_user_pass():
    rng = np.random.default_rng(0)
    tasks = [listed(user, 100 * user, range(100 * user + 1, 100 * user + 20), rng) for user in range(200)]
    assert negatives_not_easy(tasks).status is Status.PASSED


@pytest.mark.parametrize(("users", "n"), [(400, 20), (60, 10), (150, 50)])
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("catalogue", [300, 20_000])
def test_the_same_negatives_for_every_user_are_named(users, n, share, catalogue):
    rng = np.random.default_rng(0)
    same = list(range(n - 1))
    tasks = []
    for user in range(users):
        target = int(rng.integers(n - 1, catalogue))
        own = same if rng.random() < share else rng.choice(catalogue, size=n - 1, replace=False).tolist()
        tasks.append(listed(user, target, [item for item in own if item != target], rng))
    verdict = negatives_not_easy(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "easy-negatives")


@pytest.mark.parametrize(("users", "n"), [(400, 20), (150, 50)])
@pytest.mark.parametrize("catalogue", [120, 400, 2000])
def test_negatives_that_are_nobodys_target_item_are_named(users, n, catalogue):
    half = np.arange(catalogue) % 2 == 0
    tasks = lists(users, n, catalogue, targets=half / half.sum(), negatives=(~half).astype(float))
    verdict = negatives_not_easy(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "easy-negatives")


def test_a_list_that_is_repeated_counts_once():
    tasks = lists(8, 10, 5000, targets=uniform(5000), negatives=uniform(5000))
    many = [replace(one, query_id=f"{one.query_id}-{time}") for one in tasks for time in range(50)]
    verdict = negatives_not_easy(many)
    assert (verdict.status, verdict.n) == (Status.PASSED, 8)
