"""The settings of negatives_not_easy, each at its edge."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.data.negatives_not_easy import negatives_not_easy
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def task(user, target, negatives):
    items = [Item(f"i{item}", f"item {item}") for item in (target, *negatives)]
    return RankingTask(f"u{user}", (), tuple(items), f"i{target}", 0)


def alike(n_same, n_others):
    same = [task(user, 1000 + user, range(9)) for user in range(n_same)]
    return same + [
        task(user, 9000 + user, range(100 * user, 100 * user + 9)) for user in range(100, 100 + n_others)
    ]


@pytest.mark.parametrize(("n_same", "status"), [(10, Status.FAILED), (9, Status.PASSED)])
def test_so_many_tasks_with_the_same_negatives_are_needed(n_same, status):
    assert negatives_not_easy(alike(n_same, 5), fewest=10).status is status


@pytest.mark.parametrize(("max_same", "status"), [(0.19, Status.FAILED), (0.2, Status.PASSED)])
def test_the_share_with_the_same_negatives_is_bounded(max_same, status):
    verdict = negatives_not_easy(alike(20, 80), max_same=max_same)
    assert verdict.status is status
    assert verdict.measured["share_with_the_same_negatives"] == pytest.approx(0.2)


def nobodys(users=200):
    rng = np.random.default_rng(0)
    return [task(user, 1000 + user, rng.choice(60, size=9, replace=False).tolist()) for user in range(users)]


def test_negatives_that_nobody_takes_fail_at_the_level():
    verdict = negatives_not_easy(nobodys(40))
    assert 0.0 < verdict.p_failed < 1e-3
    assert negatives_not_easy(nobodys(40), alpha=1.01 * verdict.p_failed).status is Status.FAILED
    assert negatives_not_easy(nobodys(40), alpha=0.99 * verdict.p_failed).status is Status.PASSED
    assert negatives_not_easy(nobodys(), min_listed=0.0).status is Status.PASSED


def test_lists_of_the_target_item_alone_are_not_judged():
    assert negatives_not_easy([task(user, user, ()) for user in range(20)]).status is Status.NOT_APPLICABLE


def cut_from_a_pool(n_pooled, n_others, *, own=0):
    """Lists of 9 to 12 negatives: of some users from 12 items, but for `own`; of the others from many."""
    rng = np.random.default_rng(1)
    pooled = [
        task(
            user,
            1000 + user,
            [
                *rng.choice(12, size=9 + user % 4 - own, replace=False).tolist(),
                *range(5000 + 5 * user, 5000 + 5 * user + own),
            ],
        )
        for user in range(n_pooled)
    ]
    return pooled + [
        task(user, 9000 + user, range(20000 + 20 * user, 20012 + 20 * user)) for user in range(100, 100 + n_others)
    ]


def test_lists_that_are_cut_from_the_same_few_items_are_alike():
    verdict = negatives_not_easy(cut_from_a_pool(40, 60))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "easy-negatives")
    assert verdict.measured["share_with_the_same_negatives"] == pytest.approx(0.4)


@pytest.mark.parametrize(("nearly_all", "status"), [(0.75, Status.FAILED), (0.95, Status.PASSED)])
def test_nearly_all_of_the_negatives_have_to_be_of_the_few(nearly_all, status):
    assert negatives_not_easy(cut_from_a_pool(40, 60, own=2), nearly_all=nearly_all).status is status


@pytest.mark.parametrize(("many_items", "status"), [(5.0, Status.FAILED), (500.0, Status.PASSED)])
def test_a_small_catalogue_is_not_judged_by_that(many_items, status):
    assert negatives_not_easy(cut_from_a_pool(40, 60), many_items=many_items, alpha=1e-300).status is status


def test_a_few_lists_from_the_same_items_do_not_hide_many_equal_ones():
    tasks = alike(40, 55) + [
        task(500 + user, 3000 + user, (0, 1, 2, 3, 4, 5, 6, 7, 70 + user)) for user in range(5)
    ]
    verdict = negatives_not_easy(tasks)
    assert verdict.status is Status.FAILED
    assert verdict.measured["share_with_the_same_negatives"] >= 0.4
