"""Case 27: a list that is given under several query ids was drawn once, and counts once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores, random_tasks, scores_that_hit
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.quality.recall_uniform_over_users import recall_uniform_over_users
from rerank_guard.checks.scoring.recall_uniform_by_position import recall_uniform_by_position
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def repeated(tasks, times, *, histories=False):
    """Every task under several query ids, with the same history or with one of its own."""
    return [
        replace(
            task,
            query_id=f"{task.query_id}-{time}",
            history=(Item(f"seen-{task.query_id}-{time}", "seen"),) if histories else task.history,
        )
        for task in tasks
        for time in range(times)
    ]


@pytest.mark.parametrize("histories", [False, True])
@pytest.mark.parametrize(("users", "times", "n"), [(40, 5, 20), (100, 5, 10), (10, 40, 50), (3, 200, 20)])
def test_healthy_lists_that_are_repeated_are_never_uneven(users, times, n, histories):
    found = Counter()
    for seed in range(25):
        tasks = repeated(random_tasks(np.random.default_rng(seed), [n] * users), times, histories=histories)
        verdict = target_positions_uniform(tasks)
        assert verdict.n == users
        found[verdict.status] += 1
    assert found == {Status.PASSED: 25}


@pytest.mark.parametrize("times", [1, 5])
def test_targets_at_one_position_still_fail(times):
    tasks = repeated(make_tasks([0] * 100, [20] * 100), times, histories=True)
    verdict = target_positions_uniform(tasks)
    assert (verdict.status, verdict.fault, verdict.n) == (Status.FAILED, "target-position-skew", 100)


def test_one_list_with_a_new_order_each_time_is_a_new_draw():
    rng = np.random.default_rng(0)
    (task,) = make_tasks([0], [20])
    shuffled = []
    for user in range(200):
        order = rng.permutation(20)
        shuffled.append(
            replace(
                task,
                query_id=f"u{user}",
                candidates=tuple(task.candidates[i] for i in order),
                target_index=int(np.flatnonzero(order == 0)[0]),
            )
        )
    assert target_positions_uniform(shuffled).n == 200


@pytest.mark.parametrize(("share", "status"), [(0.0, Status.PASSED), (0.3, Status.FAILED)])
def test_a_small_catalogue_that_every_query_lists_is_no_repeat(share, status):
    rng = np.random.default_rng(0)
    (task,) = make_tasks([0], [20])
    positions = np.where(rng.random(300) < share, 4, rng.integers(20, size=300)).tolist()
    tasks = [
        replace(task, query_id=f"u{user}", target_index=at, target_id=task.candidates[at].item_id)
        for user, at in enumerate(positions)
    ]
    verdict = target_positions_uniform(repeated(tasks, 1))
    assert (verdict.status, verdict.n) == (status, 300)
    assert target_positions_uniform(tasks * 5).n == 300


def judged(tasks, scores):
    popularity = {item.item_id: i for i, item in enumerate(tasks[0].candidates)}
    return (
        recall_uniform_by_position(scores, tasks, 5),
        recall_uniform_over_users(scores, tasks, 5, popularity),
        recall_beats_baseline(scores, tasks, 5, {"none": [np.zeros(len(row)) for row in scores]}),
    )


@pytest.mark.parametrize("signal", [0.0, 2.0])
@pytest.mark.parametrize("users", [12, 60, 200])
def test_users_that_are_repeated_decide_as_those_that_are_not(signal, users):
    rng = np.random.default_rng(users)
    tasks = random_tasks(rng, [20] * users)
    scores = noisy_scores(tasks, rng, signal)
    once = judged(tasks, scores)
    often = judged(repeated(tasks, 8), [row for row in scores for _ in range(8)])
    for single, many in zip(once, often, strict=True):
        assert (single.status, single.n, single.p_failed) == (many.status, many.n, pytest.approx(many.p_failed))
        assert single.measured.keys() == many.measured.keys()


def test_a_few_users_repeated_often_prove_nothing():
    """Five users in the first half who are found and five in the second who are missed, each given 80 times."""
    tasks = make_tasks([0, 1, 2, 3, 4, 15, 16, 17, 18, 19], [20] * 10)
    scores = scores_that_hit(tasks, [True] * 5 + [False] * 5)
    for verdict in judged(repeated(tasks, 80), [row for row in scores for _ in range(80)]):
        assert verdict.status is not Status.FAILED
        assert verdict.n == 10


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_some_repeated_users_do_not_weigh_more(share):
    rng = np.random.default_rng(3)
    tasks = random_tasks(rng, [20] * 200)
    scores = noisy_scores(tasks, rng, 2.0)
    some = int(200 * share)
    more = [*tasks, *repeated(tasks[:some], 30)]
    rows = [*scores, *(row for row in scores[:some] for _ in range(30))]
    once, often = judged(tasks, scores)[2], judged(more, rows)[2]
    assert often.measured["recall"] == pytest.approx(once.measured["recall"])
    assert often.n == 200
