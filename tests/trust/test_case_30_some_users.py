"""Case 30: some users are served badly, and only the scores are there to show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.quality.recall_uniform_over_users import recall_uniform_over_users
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

WORDS = [Item(f"i{i}", "w" * (5 + i % 40)) for i in range(400)]


def users(n_users, recall, *, n=20, history=(2, 30), seed=0, k=5):
    """Tasks, scores and popularity; `recall(share)` is the chance of a hit for a user at that share of input lengths."""
    rng = np.random.default_rng(seed)
    tasks = []
    for user in range(n_users):
        drawn = rng.permutation(400)
        at, length = int(rng.integers(n)), int(rng.integers(history[0], history[1] + 1))
        candidates = tuple(WORDS[i] for i in drawn[:n])
        tasks.append(
            RankingTask(
                f"u{user}", tuple(WORDS[i] for i in drawn[n : n + length]), candidates, candidates[at].item_id, at
            )
        )
    size = [sum(len(item.text) for item in (*task.history, *task.candidates)) for task in tasks]
    share = (np.argsort(np.argsort(size)) + 0.5) / n_users
    popularity = {item.item_id: int(rng.integers(1, 1000)) for item in WORDS}
    return (
        tasks,
        [scored(task, rng.random() < recall(where), rng, k) for task, where in zip(tasks, share, strict=True)],
        popularity,
    )


def scored(task, hit, rng, k):
    """The target item at a random rank up to K, or below it."""
    rank = int(rng.integers(k)) if hit else int(rng.integers(k, task.n_candidates))
    others = rng.permutation(np.delete(np.arange(task.n_candidates), rank))
    row = np.empty(task.n_candidates)
    row[np.arange(task.n_candidates) != task.target_index] = -others
    row[task.target_index] = -rank
    return row.astype(float)


def cut_above(limit, *, whole=lambda share: 0.35 + 0.45 * share, cut=0.15):
    return lambda share: cut if share > limit else whole(share)


def test_the_case_is_not_passed():
    """54 of 200 prompts are cut: 0.78 becomes 0.15, overall 0.49 becomes 0.32; too few users for a proof."""
    found = []
    for seed in range(8):
        tasks, scores, _ = users(200, cut_above(0.73, whole=lambda share: 0.1 + 0.78 * share), seed=seed)
        found.append(recall_uniform_over_users(scores, tasks, 5))
    assert sum(verdict.status is Status.PASSED for verdict in found) <= 1
    doubtful = next(verdict for verdict in found if verdict.status is Status.INCONCLUSIVE)
    assert "the longest" in doubtful.measured["group"]
    assert "200" in doubtful.cause


@pytest.mark.parametrize(
    ("n_users", "limit", "n"), [(600, 0.73, 20), (1500, 0.9, 20), (1200, 0.5, 50), (2000, 0.85, 8)]
)
def test_users_with_cut_prompts_fail(n_users, limit, n):
    k = 3 if n == 8 else 5
    tasks, scores, popularity = users(n_users, cut_above(limit), n=n, k=k)
    for known in (None, popularity):
        verdict = recall_uniform_over_users(scores, tasks, k, known)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "some-users-ranked-badly")
        assert "the longest" in verdict.measured["group"]
        assert verdict.p_failed <= 1e-3


def test_short_inputs_that_are_spoiled_by_padding_fail_where_histories_are_alike():
    tasks, scores, _ = users(600, lambda share: 0.15 if share < 0.25 else 0.6, history=(6, 6))
    verdict = recall_uniform_over_users(scores, tasks, 5)
    assert verdict.status is Status.FAILED
    assert "the shortest inputs" in verdict.measured["group"]


@pytest.mark.parametrize("rare", [True, False])
def test_users_of_rare_or_popular_items_that_are_ranked_at_random_fail(rare):
    tasks, _, popularity = users(800, lambda share: 0.6)
    rng = np.random.default_rng(1)
    counts = np.array([popularity[task.target_id] for task in tasks])
    bad = counts < np.quantile(counts, 0.25) if rare else counts > np.quantile(counts, 0.75)
    scores = [
        scored(task, rng.random() < (0.1 if is_bad else 0.6), rng, 5)
        for task, is_bad in zip(tasks, bad, strict=True)
    ]
    verdict = recall_uniform_over_users(scores, tasks, 5, popularity)
    assert verdict.status is Status.FAILED
    assert ("rarest" if rare else "popular") in verdict.measured["group"]
    assert recall_uniform_over_users(scores, tasks, 5).status is Status.PASSED


@pytest.mark.parametrize(
    "recall",
    [lambda share: 0.6, lambda share: 0.2 + 0.7 * share, lambda share: 0.6 - 0.1 * share, lambda share: 0.25],
    ids=["equal", "longer is easier", "longer is a little harder", "chance"],
)
@pytest.mark.parametrize("n_users", [100, 400, 2000])
def test_healthy_rerankers_pass(recall, n_users):
    tasks, scores, popularity = users(n_users, recall, seed=3)
    assert recall_uniform_over_users(scores, tasks, 5, popularity).status is Status.PASSED


def test_a_good_ranking_that_follows_popularity_passes():
    """Popular items are taken more often, so a ranking by popularity is right, and never finds a rare one."""
    rng = np.random.default_rng(0)
    tasks, _, popularity = users(800, lambda share: 0.6)
    listed = []
    for task in tasks:
        odds = np.array([popularity[item.item_id] for item in task.candidates], dtype=float) ** 2
        at = int(rng.choice(task.n_candidates, p=odds / odds.sum()))
        listed.append(replace(task, target_index=at, target_id=task.candidates[at].item_id))
    rows = [np.array([float(popularity[item.item_id]) for item in task.candidates]) for task in listed]
    assert recall_uniform_over_users(rows, listed, 5, popularity).status is Status.PASSED


def test_longer_lists_are_harder_and_pass():
    short, short_rows, _ = users(400, lambda share: 0.9, n=8)
    long, long_rows, _ = users(400, lambda share: 0.4, n=40, seed=1)
    assert recall_uniform_over_users([*short_rows, *long_rows], [*short, *long], 5).status is Status.PASSED
