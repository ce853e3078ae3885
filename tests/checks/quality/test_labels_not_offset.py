"""labels_not_offset: labels one position off are noticed in blurred scores too; position effects of healthy lists are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task
from rerank_guard.checks.quality.labels_not_offset import labels_not_offset
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.verdict import Status

USERS = 600


def drawn(rng, n_candidates, position=None, users=USERS):
    """Tasks whose target items are at random positions, or as `position(rng, n)` says."""
    lengths = rng.integers(n_candidates[0], n_candidates[1] + 1, size=users)
    at = [int(rng.integers(n) if position is None else position(rng, n)) for n in lengths]
    return [make_task(where, int(n), user=user) for user, (where, n) in enumerate(zip(at, lengths, strict=True))]


def scored(rng, tasks, bonus, blur=0.0, trend=0.0, noise=1.0):
    """Noise, a bonus for the target item that neighbours share by `blur`, and a trend over the positions."""
    rows = []
    for task in tasks:
        away = np.abs(np.arange(task.n_candidates) - task.target_index)
        rows.append(
            noise * rng.normal(size=task.n_candidates)
            + bonus * blur**away
            - trend * np.log1p(np.arange(task.n_candidates))
        )
    return rows


def shifted(tasks, by):
    """The labels `by` positions further, by index and id."""
    moved = []
    for task in tasks:
        at = (task.target_index + by) % task.n_candidates
        moved.append(replace(task, target_index=at, target_id=task.candidates[at].item_id))
    return moved


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("n_candidates", [(5, 5), (30, 50)])
@pytest.mark.parametrize("blur", [0.0, 0.7])
@pytest.mark.parametrize("trend", [0.0, 0.5])
def test_labels_one_position_off_are_noticed(by, n_candidates, blur, trend):
    rng = np.random.default_rng(3)
    tasks = drawn(rng, n_candidates)
    scores = scored(rng, tasks, bonus=4.0, blur=blur, trend=trend)
    verdict = labels_not_offset(scores, shifted(tasks, by))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "label-offset")
    assert np.sign(verdict.measured["before_minus_after"]) == by
    assert verdict.p_failed <= 1e-6
    assert labels_not_offset(scores, tasks).status is Status.PASSED


def early(rng, n):
    """Positions as in a good first stage: most target items near the top."""
    return min(n - 1, rng.geometric(0.3) - 1)


@pytest.mark.parametrize("n_candidates", [(4, 4), (5, 20)])
@pytest.mark.parametrize("position", [None, early])
@pytest.mark.parametrize(
    "shape",
    [
        {"bonus": 0.0},
        {"bonus": 3.0},
        {"bonus": -3.0},
        {"bonus": 3.0, "blur": 0.8},
        {"bonus": 1.0, "trend": 2.0},
        {"bonus": 0.0, "trend": 5.0, "noise": 0.1},
        {"bonus": 2.0, "trend": -1.0},
    ],
    ids=str,
)
def test_healthy_lists_and_rerankers_pass(n_candidates, position, shape):
    """Chance, a good one, a reversed one, blurred ones, and those that follow the list's order."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        tasks = drawn(rng, n_candidates, position)
        verdict = labels_not_offset(scored(rng, tasks, **shape), tasks)
        assert verdict.status is Status.PASSED
        assert verdict.measured["size_of_difference"] < 0.1


def test_ties_are_neither():
    tasks = drawn(np.random.default_rng(0), (5, 9))
    verdict = labels_not_offset([np.zeros(task.n_candidates) for task in tasks], shifted(tasks, 1))
    assert verdict.status is Status.PASSED
    assert verdict.measured["before_minus_after"] == 0.0


def test_the_share_of_users_decides():
    rng = np.random.default_rng(1)
    tasks = drawn(rng, (10, 20))
    scores = scored(rng, tasks, bonus=5.0)
    few, many = ([*shifted(tasks[:n], 1), *tasks[n:]] for n in (30, 400))
    assert labels_not_offset(scores, few).status is Status.PASSED
    assert labels_not_offset(scores, many).status is Status.FAILED
    assert labels_not_offset(scores, many, max_excess=0.45).status is Status.PASSED


def test_the_level_decides():
    rng = np.random.default_rng(2)
    tasks = shifted(drawn(rng, (5, 9), users=60), 1)
    scores = scored(rng, shifted(tasks, -1), bonus=3.0)
    verdict = labels_not_offset(scores, tasks, alpha=1e-12)
    assert verdict.status is Status.PASSED
    assert 1e-12 < verdict.p_failed < 0.4
    assert labels_not_offset(scores, tasks, alpha=0.4).status is Status.FAILED


@pytest.mark.parametrize(
    "tasks",
    [[make_task(0, 2, user=user) for user in range(50)], [make_task(1, 3, user=user) for user in range(50)]],
)
def test_it_does_not_apply_without_neighbours_or_other_users(tasks):
    verdict = labels_not_offset([np.arange(task.n_candidates, dtype=float) for task in tasks], tasks)
    assert verdict.status is Status.NOT_APPLICABLE


def test_what_decides_nothing_is_refused():
    with pytest.raises(InvalidTaskError):
        labels_not_offset([], [])
    with pytest.raises(SettingError):
        labels_not_offset([np.zeros(3)], [make_task(1, 3)], max_excess=0.5)
