"""The settings of training_follows_time, each at its edge."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.data.training_follows_time import training_follows_time
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def task(user, taken):
    *history, target = [Item(f"i{item}", f"item {item}") for item in taken]
    return RankingTask(f"u{user}", tuple(history), (target, Item("other", "other")), target.item_id, 0)


def split(order, users=60):
    """Ten films each; the last is tested, and the nine before it are trained on in this order."""
    rng = np.random.default_rng(0)
    taken = [rng.choice(5000, size=10, replace=False).tolist() for _ in range(users)]
    training = [task(user, [films[place] for place in order]) for user, films in enumerate(taken)]
    return training, [task(user, films) for user, films in enumerate(taken)]


PAIRS_SWAPPED = (1, 0, 3, 2, 5, 4, 7, 6, 8)
"""Three of the seven neighbours of the history are in order."""


@pytest.mark.parametrize(("min_in_order", "status"), [(0.75, Status.FAILED), (0.4, Status.PASSED)])
def test_the_share_in_order_is_bounded(min_in_order, status):
    verdict = training_follows_time(*split(PAIRS_SWAPPED), min_in_order=min_in_order)
    assert verdict.status is status
    assert verdict.measured["share_of_neighbours_in_order"] == pytest.approx(3 / 7)


@pytest.mark.parametrize(("min_before_target", "status"), [(0.7, Status.FAILED), (0.25, Status.PASSED)])
def test_the_share_before_the_target_item_is_bounded(min_before_target, status):
    verdict = training_follows_time(*split((0, 1, 3, 4, 5, 6, 7, 8, 2)), min_before_target=min_before_target)
    assert verdict.status is status
    assert verdict.measured["share_before_target"] == pytest.approx(2 / 8)


def test_the_level_is_kept():
    made = split((8, 7, 6, 5, 4, 3, 2, 1, 0), users=12)
    p_value = training_follows_time(*made).p_failed
    assert training_follows_time(*made, alpha=1.01 * p_value).status is Status.FAILED
    assert training_follows_time(*made, alpha=0.99 * p_value).status is Status.PASSED


REVERSED = (8, 7, 6, 5, 4, 3, 2, 1, 0)


@pytest.mark.parametrize(("min_items", "status"), [(8, Status.FAILED), (9, Status.NOT_APPLICABLE)])
def test_so_many_items_have_to_be_shared(min_items, status):
    assert training_follows_time(*split(REVERSED), min_items=min_items).status is status


@pytest.mark.parametrize(("min_share", "status"), [(0.8, Status.FAILED), (0.95, Status.NOT_APPLICABLE)])
def test_such_a_share_has_to_be_shared(min_share, status):
    """The film that is tested in training is no part of the test history's nine: of eight, seven are shared."""
    training, tests = split(REVERSED)
    cut = [
        task(user, [*(10**6 + user,), *(int(item.item_id[1:]) for item in one.history)])
        for user, one in enumerate(training)
    ]
    assert training_follows_time(cut, tests, min_share=min_share).status is status


@pytest.mark.parametrize(("times_natural", "status"), [(10.0, Status.FAILED), (1000.0, Status.NOT_APPLICABLE)])
def test_training_has_to_match_more_often_than_users_who_are_alike(times_natural, status):
    assert training_follows_time(*split(REVERSED), times_natural=times_natural).status is status
