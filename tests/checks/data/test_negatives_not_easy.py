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
