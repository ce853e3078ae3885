from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from rerank_guard.metrics import expected_hit_at_k
from rerank_model.data.world import OneTasteRule, SplitTasteRule, world_tasks
from rerank_model.data.world_draw import Cells
from rerank_model.data.world_items import FRAMES, ITEMS_PER_CELL, N_VALUES, world_items
from rerank_model.errors import DataError

RAGGED = (30, 50)
"""The default's least and greatest N."""
RULES = [SplitTasteRule(), OneTasteRule()]


def test_catalogue_is_every_combination_once():
    items = world_items()
    assert len(items) == 48 * 48
    assert len({item.text for item in items}) == len({item.item_id for item in items}) == len(items)


def test_every_cell_has_each_title_frame_once():
    """So the words around mood and place, and the number of words, are independent of the cell."""
    items = world_items()
    words_of_frames = Counter(len(frame.split()) for frame in FRAMES)
    assert set(words_of_frames) == {2, 3, 4, 5}
    for start in range(0, len(items), ITEMS_PER_CELL):
        cell = items[start : start + ITEMS_PER_CELL]
        assert Counter(len(item.text.split()) for item in cell) == words_of_frames
    frames_of_words: dict[str, set[str]] = {}
    for item in items:
        *_, mood, place = item.item_id.split("-")
        frame = item.text.lower().replace(mood, "{mood}").replace(place, "{place}")
        for word in (mood, place):
            frames_of_words.setdefault(word, set()).add(frame)
    assert all(frames == {frame.lower() for frame in FRAMES} for frames in frames_of_words.values())


def test_each_word_of_a_title_is_one_token(tokenizer):
    """The default's prompts are as long as its titles have words; a word of pieces would also have to be put together."""
    for item in world_items():
        assert len(tokenizer.tokenize(f" {item.text}")) == len(item.text.split()), item.text


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [50, RAGGED])
def test_no_item_comes_twice_and_the_target_is_where_it_is_said_to_be(rule, n):
    tasks, _ = world_tasks(rule, 300, n, np.random.default_rng(3))
    for task in tasks:
        ids = [item.item_id for item in (*task.history, *task.candidates)]
        assert len(set(ids)) == len(ids)
        assert task.candidate_ids[task.target_index] == task.target_id


@pytest.mark.parametrize("rule", RULES)
def test_lengths_are_spread_and_say_nothing_of_each_other(rule):
    """Every length occurs; the correlation of H, N and the target's words stays within six standard errors."""
    users = 3000
    tasks, draw = world_tasks(rule, users, RAGGED, np.random.default_rng(4))
    lengths = np.array([(len(t.history), t.n_candidates) for t in tasks])
    assert draw.history.lengths.tolist() == lengths[:, 0].tolist()
    assert draw.candidates.lengths.tolist() == lengths[:, 1].tolist()
    assert set(lengths[:, 1].tolist()) == set(range(30, 51))
    assert len(set(lengths[:, 0].tolist())) >= 8
    words = [len(task.candidates[task.target_index].text.split()) for task in tasks]
    correlations = np.corrcoef(np.column_stack([lengths, words]).T)
    assert np.abs(correlations[np.triu_indices(3, 1)]).max() < 6 / math.sqrt(users)


def test_one_length_is_one_length():
    tasks, draw = world_tasks(OneTasteRule(history_lengths=8), 50, 12, np.random.default_rng(0))
    assert {(len(task.history), task.n_candidates) for task in tasks} == {(8, 12)}
    assert draw.candidates.mood.shape == (50, 12)
    assert draw.candidates.mood.min() >= 0


def test_same_seed_same_world():
    one, two = (world_tasks(SplitTasteRule(), 20, (6, 10), np.random.default_rng(5))[0] for _ in range(2))
    other = world_tasks(SplitTasteRule(), 20, (6, 10), np.random.default_rng(6))[0]
    assert one == two
    assert one != other


@pytest.mark.parametrize("rule", RULES)
def test_positions_are_uniform_at_every_length(rule):
    """Chi-square at a fixed seed: deterministic; over seeds its false-alarm rate would be 1e-6 a length."""
    draw = rule.draw(20_000, (5, 8), np.random.default_rng(8))
    for n in range(5, 9):
        positions = draw.target_position[draw.candidates.lengths == n]
        assert stats.chisquare(np.bincount(positions, minlength=n)).pvalue > 1e-6


def by_hand(rule: SplitTasteRule, history: list[tuple[int, int]], candidates: list[tuple[int, int]]) -> np.ndarray:
    """Bayes by brute force: every taste, every way the history could have come about, every position."""
    likelihoods = np.zeros(len(candidates))
    for u, v in itertools.product(range(N_VALUES), repeat=2):
        of_history = 0.0
        for by_mood, by_place in rule.agreements:
            if by_mood + by_place != len(history):
                continue
            choices = list(itertools.combinations(range(len(history)), by_place))
            for for_place in choices:
                of_history += math.prod(
                    (place == v if i in for_place else mood == u) / N_VALUES
                    for i, (mood, place) in enumerate(history)
                ) / len(choices)
        for target in range(len(candidates)):
            likelihood = of_history
            for j, (mood, place) in enumerate(candidates):
                likelihood *= rule.decoy if mood == u else (1 - rule.decoy) / (N_VALUES - 1)
                if j == target:
                    likelihood *= (1 - rule.noise) if place == v else rule.noise / (N_VALUES - 1)
                else:
                    likelihood *= 0.0 if place == v else 1 / (N_VALUES - 1)
            likelihoods[target] += likelihood
    return likelihoods / likelihoods.sum()


def own(cells: Cells, user: int) -> list[tuple[int, int]]:
    """One user's (mood, place) pairs, without what stands for nothing."""
    length = int(cells.lengths[user])
    return list(zip(cells.mood[user, :length].tolist(), cells.place[user, :length].tolist(), strict=True))


@pytest.mark.parametrize(
    ("agreements", "n"),
    [
        (((2, 1),), 4),
        (((2, 1),), (2, 6)),
        # histories of three items come about in two ways, which are not equally likely given what is seen
        (((1, 1), (2, 1), (1, 2), (2, 2)), (2, 6)),
    ],
)
def test_posterior_equals_enumeration(agreements, n):
    rule = SplitTasteRule(agreements=agreements, decoy=0.3, noise=0.2)
    users = 60
    draw = rule.draw(users, n, np.random.default_rng(2))
    fast = rule.posterior(draw.history, draw.candidates)
    undecided = 0
    for user in range(users):
        slow = by_hand(rule, own(draw.history, user), own(draw.candidates, user))
        np.testing.assert_allclose(fast[user, : len(slow)], slow, atol=1e-12)
        assert (fast[user, len(slow) :] == 0.0).all()
        undecided += 0.01 < slow.max() < 0.99
    assert undecided > users / 10, "posteriors of 0 and 1 alone would be matched by a wrong weight too"


def test_posterior_of_a_user_does_not_depend_on_the_others():
    rule = SplitTasteRule()
    draw = rule.draw(40, RAGGED, np.random.default_rng(7))
    together = rule.posterior(draw.history, draw.candidates)
    for user in range(40):
        alone = rule.posterior(
            *(
                Cells(cells.mood[[user], :length], cells.place[[user], :length])
                for cells, length in (
                    (draw.history, draw.history.lengths[user]),
                    (draw.candidates, draw.candidates.lengths[user]),
                )
            )
        )
        np.testing.assert_allclose(together[user, : alone.shape[1]], alone[0], atol=1e-12)


@pytest.mark.parametrize("n", [50, RAGGED])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_ceiling_against_its_closed_form_and_a_simulation(k, n):
    """With three of seven items naming the place, it is known nearly always: ceiling = 1 - noise + noise K/N.

    The Bayes ranker's hits must agree with the ceiling within six standard errors: false-alarm rate 2e-9.
    """
    rule, users = SplitTasteRule(agreements=((4, 3),)), 4000
    tasks, draw = world_tasks(rule, users, n, np.random.default_rng(k))
    posterior = rule.posterior(draw.history, draw.candidates)
    ceiling = np.sort(posterior, axis=1)[:, -k:].sum(axis=1)
    expected = 1 - rule.noise + rule.noise * k * (1 / draw.candidates.lengths).mean()
    noise = math.sqrt(expected * (1 - expected) / users)
    assert abs(ceiling.mean() - expected) < 6 * noise + 0.005, "0.005 for the users whose place stays in doubt"
    rows = [row[: task.n_candidates] for row, task in zip(posterior, tasks, strict=True)]
    hits = expected_hit_at_k(rows, [task.target_index for task in tasks], k)
    assert abs(hits.mean() - ceiling.mean()) < 6 * noise


@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_default_rule_is_nearly_as_well_known(k):
    """As above, but with two places of five at worst: the simulation within six standard errors, the ceiling near."""
    rule, users = SplitTasteRule(), 4000
    tasks, draw = world_tasks(rule, users, RAGGED, np.random.default_rng(k))
    posterior = rule.posterior(draw.history, draw.candidates)
    ceiling = np.sort(posterior, axis=1)[:, -k:].sum(axis=1)
    expected = 1 - rule.noise + rule.noise * k * (1 / draw.candidates.lengths).mean()
    assert expected - 0.05 < ceiling.mean() < expected + 0.02
    rows = [row[: task.n_candidates] for row, task in zip(posterior, tasks, strict=True)]
    hits = expected_hit_at_k(rows, [task.target_index for task in tasks], k)
    assert abs(hits.mean() - ceiling.mean()) < 6 * math.sqrt(0.1 * 0.9 / users)


def test_following_the_mood_is_exactly_chance():
    """What the base has learned is worth nothing here: Recall@20 of a mood follower is the mean of 20/N."""
    rule, users = SplitTasteRule(), 4000
    tasks, draw = world_tasks(rule, users, RAGGED, np.random.default_rng(1))
    taste = np.array([np.bincount(row[row >= 0], minlength=N_VALUES).argmax() for row in draw.history.mood])
    scores = [
        (row[: task.n_candidates] == mood).astype(float)
        for row, mood, task in zip(draw.candidates.mood, taste, tasks, strict=True)
    ]
    hits = expected_hit_at_k(scores, [task.target_index for task in tasks], 20)
    chance = np.mean([20 / task.n_candidates for task in tasks])
    assert abs(hits.mean() - chance) < 6 * math.sqrt(0.25 / users)


@pytest.mark.parametrize(
    "bad", [{"decoy": 0.0}, {"decoy": 1.0}, {"noise": 0.0}, {"agreements": ((3, 0),)}, {"agreements": ()}]
)
def test_rules_without_a_posterior_are_refused(bad):
    with pytest.raises(DataError):
        SplitTasteRule(**bad)


def test_too_many_of_a_cell_is_an_error():
    with pytest.raises(RuntimeError, match="fewer candidates"):
        world_tasks(SplitTasteRule(decoy=0.99), 4, 400, np.random.default_rng(0))
