from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from rerank_guard.metrics import expected_hit_at_k
from rerank_model.data.world import N_VALUES, OneTasteRule, SplitTasteRule, world_items, world_tasks
from rerank_model.errors import DataError


def test_catalogue_is_every_combination_once():
    items = world_items()
    assert len(items) == 48 * 48
    assert len({item.text for item in items}) == len({item.item_id for item in items}) == len(items)


@pytest.mark.parametrize("rule", [SplitTasteRule(), OneTasteRule()])
def test_no_item_comes_twice_and_the_target_is_where_it_is_said_to_be(rule):
    tasks, _ = world_tasks(rule, 300, 50, np.random.default_rng(3))
    for task in tasks:
        ids = [item.item_id for item in (*task.history, *task.candidates)]
        assert len(set(ids)) == len(ids)
        assert task.candidate_ids[task.target_index] == task.target_id


def test_same_seed_same_world():
    one, two = (world_tasks(SplitTasteRule(), 20, 10, np.random.default_rng(5))[0] for _ in range(2))
    other = world_tasks(SplitTasteRule(), 20, 10, np.random.default_rng(6))[0]
    assert one == two
    assert one != other


def test_slots_are_uniform():
    """Chi-square at a fixed seed: deterministic; over seeds its false-alarm rate would be 1e-6."""
    _, draw = world_tasks(SplitTasteRule(), 5000, 50, np.random.default_rng(8))
    assert stats.chisquare(np.bincount(draw.target_slot, minlength=50)).pvalue > 1e-6


def test_posterior_equals_enumeration():
    """Bayes by brute force: every taste, every way the history could have come about, every slot."""
    rule = SplitTasteRule(mood_agreements=2, place_agreements=1, decoy=0.3, noise=0.2)
    h, n = 3, 4
    draw = rule.draw(40, n, np.random.default_rng(2))
    fast = rule.posterior(draw.mood, draw.place)
    for user in range(40):
        mood, place = draw.mood[user].tolist(), draw.place[user].tolist()
        slow = np.zeros(n)
        for u, v in itertools.product(range(N_VALUES), repeat=2):
            history = 0.0
            for by_place in itertools.combinations(range(h), rule.place_agreements):
                history += math.prod(
                    (place[i] == v) / N_VALUES if i in by_place else (mood[i] == u) / N_VALUES for i in range(h)
                )
            for slot in range(n):
                likelihood = history
                for j in range(n):
                    likelihood *= rule.decoy if mood[h + j] == u else (1 - rule.decoy) / (N_VALUES - 1)
                    same = place[h + j] == v
                    if j == slot:
                        likelihood *= (1 - rule.noise) if same else rule.noise / (N_VALUES - 1)
                    else:
                        likelihood *= 0.0 if same else 1 / (N_VALUES - 1)
                slow[slot] += likelihood
        np.testing.assert_allclose(fast[user], slow / slow.sum(), atol=1e-12)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_ceiling_against_its_closed_form_and_a_simulation(k):
    """With three of seven items naming the place, it is known nearly always: ceiling = 1 - noise + noise K/N.

    The Bayes ranker's hits must agree with the ceiling within six standard errors: false-alarm rate 2e-9.
    """
    rule, users, n = SplitTasteRule(), 4000, 50
    tasks, draw = world_tasks(rule, users, n, np.random.default_rng(k))
    posterior = rule.posterior(draw.mood, draw.place)
    ceiling = np.sort(posterior, axis=1)[:, -k:].sum(axis=1)
    expected = 1 - rule.noise + rule.noise * k / n
    noise = math.sqrt(expected * (1 - expected) / users)
    assert abs(ceiling.mean() - expected) < 6 * noise + 0.005, "0.005 for the users whose place stays in doubt"
    hits = expected_hit_at_k(list(posterior), [task.target_index for task in tasks], k)
    assert abs(hits.mean() - ceiling.mean()) < 6 * noise


def test_following_the_mood_is_exactly_chance():
    """What the base has learned is worth nothing here: Recall@20 of a mood follower is 20/50 in expectation."""
    rule, users = SplitTasteRule(), 4000
    tasks, draw = world_tasks(rule, users, 50, np.random.default_rng(1))
    h = rule.history_length
    taste = np.array([np.bincount(row[:h], minlength=N_VALUES).argmax() for row in draw.mood])
    scores = (draw.mood[:, h:] == taste[:, None]).astype(float)
    hits = expected_hit_at_k(list(scores), [task.target_index for task in tasks], 20)
    assert abs(hits.mean() - 0.4) < 6 * math.sqrt(0.24 / users)


@pytest.mark.parametrize("bad", [{"decoy": 0.0}, {"decoy": 1.0}, {"noise": 0.0}, {"place_agreements": 0}])
def test_rules_without_a_posterior_are_refused(bad):
    with pytest.raises(DataError):
        SplitTasteRule(**bad)


def test_too_many_of_a_cell_is_an_error():
    with pytest.raises(RuntimeError, match="fewer candidates"):
        world_tasks(SplitTasteRule(decoy=0.99), 4, 400, np.random.default_rng(0))
