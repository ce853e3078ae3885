"""Statistical tests here run on fixed seeds: they give the same answer every time."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from rerank_guard.core.types import IntArray
from rerank_model.data import samplers
from rerank_model.data.interactions import Interactions
from rerank_model.data.retriever import RetrieverSampler
from rerank_model.data.samplers import Candidates, PopularitySampler, UniformSampler
from rerank_model.data.seen import SeenItems
from rerank_model.errors import DataError

N_USERS = 6
N_ITEMS = 30


@st.composite
def worlds(draw: st.DrawFn) -> Interactions:
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1)),
            min_size=1,
            max_size=80,
            unique=True,
        )
    )
    users, items = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    return world(users, items)


def world(users: IntArray, items: IntArray, n_items: int = N_ITEMS) -> Interactions:
    return Interactions(
        user_ids=tuple(f"u{user}" for user in range(N_USERS)),
        item_ids=tuple(f"i{item}" for item in range(n_items)),
        user=users,
        item=items,
        timestamp=np.arange(len(users)),
    )


def weighted_world(counts: list[int]) -> Interactions:
    """One user (u0) took item i `counts[i]` times: a popularity with those weights."""
    items = np.repeat(np.arange(len(counts)), counts)
    return world(np.zeros(len(items), dtype=np.int64), items, len(counts))


def nothing_seen(like: Interactions) -> SeenItems:
    return SeenItems(like.take(np.zeros(0, dtype=np.int64)))


def draw_all(
    sampler: UniformSampler | PopularitySampler, data: Interactions, n: int, seed: int
) -> Candidates | None:
    users, targets = data.user, data.item
    try:
        return sampler.candidates(
            users, targets, n_candidates=n, seen=SeenItems(data), rng=np.random.default_rng(seed)
        )
    except DataError as error:
        if "left as negatives" not in str(error):
            raise
        return None


@settings(max_examples=100, deadline=None)
@given(
    data=worlds(),
    kind=st.sampled_from([UniformSampler, PopularitySampler]),
    n=st.integers(2, 12),
    seed=st.integers(0, 2**32 - 1),
    rounds=st.sampled_from([0, 1, 3]),
)
def test_candidates_are_distinct_outside_the_history_and_hold_the_target_once(
    data: Interactions, kind: type[UniformSampler] | type[PopularitySampler], n: int, seed: int, rounds: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samplers, "_ROUNDS", rounds)  # 0: every row is drawn by `_race`
        sampler = kind(data)
        drawn = draw_all(sampler, data, n, seed)
        again = draw_all(sampler, data, n, seed)
    took = {
        user: {int(i) for u, i in zip(data.user, data.item, strict=True) if u == user} for user in range(N_USERS)
    }
    drawable = set(range(N_ITEMS)) if kind is UniformSampler else {int(item) for item in data.item}
    if drawn is None:
        assert min(len(drawable - took[int(user)]) for user in data.user) < n - 1, (
            "refused although enough remained"
        )
        return
    assert again is not None
    np.testing.assert_array_equal(drawn.items, again.items, err_msg="the same seed gave other candidates")
    for user, target, row, position in zip(data.user, data.item, drawn.items, drawn.target_position, strict=True):
        negatives = {int(item) for item in row} - {int(target)}
        assert len(row) == n
        assert row[position] == target
        assert len(negatives) == n - 1, f"duplicates in {row}"
        assert not negatives & took[int(user)], f"history among the candidates {row}"
        assert negatives <= drawable


def test_another_seed_gives_other_candidates() -> None:
    data = world(np.array([0]), np.array([0]))
    first, second = (draw_all(UniformSampler(data), data, 10, seed) for seed in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.items != second.items).any()


def test_a_target_in_the_history_is_excluded_once_only() -> None:
    data = world(np.array([0, 0]), np.array([0, 1]), n_items=4)
    drawn = UniformSampler(data).candidates(
        np.array([0]), np.array([1]), n_candidates=3, seen=SeenItems(data), rng=np.random.default_rng(0)
    )
    assert sorted(drawn.items[0].tolist()) == [1, 2, 3]


@pytest.mark.parametrize("kind", [UniformSampler, PopularitySampler])
def test_the_position_of_the_target_is_uniform(kind: type[UniformSampler] | type[PopularitySampler]) -> None:
    data = world(np.arange(N_USERS), np.arange(N_USERS))
    n, queries = 4, 20_000
    targets = np.full(queries, 5)
    drawn = kind(data).candidates(
        np.zeros(queries, dtype=np.int64),
        targets,
        n_candidates=n,
        seen=nothing_seen(data),
        rng=np.random.default_rng(3),
    )
    _uniform_over_positions(drawn.target_position, n)


@pytest.mark.parametrize("rounds", [0, 3])
def test_a_popular_negative_is_as_likely_at_any_position(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    # Without the shuffle, drawing by popularity puts the popular items at the first positions.
    monkeypatch.setattr(samplers, "_ROUNDS", rounds)
    data = weighted_world([50, 3, 2, 2, 2, 2, 1])
    n, queries = 4, 20_000
    drawn = PopularitySampler(data).candidates(
        np.ones(queries, dtype=np.int64),
        np.full(queries, 6),
        n_candidates=n,
        seen=nothing_seen(data),
        rng=np.random.default_rng(4),
    )
    query, position = np.nonzero(drawn.items == 0)
    assert len(query) > queries // 2
    _uniform_over_positions(position, n)


def _uniform_over_positions(positions: IntArray, n: int) -> None:
    for position, count in enumerate(np.bincount(positions, minlength=n)):
        p = binomtest(int(count), len(positions), 1 / n).pvalue
        assert p > 1e-6, f"position {position} holds {count} of {len(positions)}"


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_popularity_draws_have_the_exact_distribution_without_replacement(
    monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(samplers, "_ROUNDS", rounds)
    counts = [8, 4, 2, 1, 5]
    target, queries = 4, 20_000
    data = weighted_world(counts)
    drawn = PopularitySampler(data).negatives(
        np.ones(queries, dtype=np.int64),
        np.full(queries, target),
        n_negatives=2,
        seen=nothing_seen(data),
        rng=np.random.default_rng(5),
    )
    weight = dict(enumerate(counts[:target]))
    total = sum(weight.values())
    expected: dict[frozenset[int], float] = {}
    for one, two in permutations(weight, 2):
        chance = weight[one] / total * weight[two] / (total - weight[one])
        expected[frozenset((one, two))] = expected.get(frozenset((one, two)), 0.0) + chance
    pairs = [frozenset(row) for row in drawn.tolist()]
    for pair, chance in expected.items():
        p = binomtest(pairs.count(pair), queries, chance).pvalue
        assert p > 1e-6, f"{set(pair)}: {pairs.count(pair)} of {queries}, expected {chance:.4f}"


def test_too_few_items_left_names_the_user_and_the_largest_n() -> None:
    data = world(np.array([1] * 27 + [2]), np.array([*range(27), 0]))
    with pytest.raises(DataError, match=r"user 'u1' has 3 of 30 items left .* 4 are needed .* n_candidates to 4"):
        UniformSampler(data).candidates(
            np.array([2, 1]), np.array([1, 0]), n_candidates=5, seen=SeenItems(data), rng=np.random.default_rng(0)
        )


def test_never_taken_items_cannot_be_drawn_by_popularity() -> None:
    data = world(np.array([0, 1]), np.array([0, 1]))
    with pytest.raises(DataError, match="of 2 items taken in training left"):
        PopularitySampler(data).candidates(
            np.array([2]), np.array([5]), n_candidates=4, seen=nothing_seen(data), rng=np.random.default_rng(0)
        )


def test_samplers_refuse_nothing_to_draw_from() -> None:
    data = world(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    with pytest.raises(DataError, match="no training interactions"):
        PopularitySampler(data)
    with pytest.raises(DataError, match="n_candidates of 2"):
        UniformSampler(data).candidates(
            np.array([0]), np.array([0]), n_candidates=1, seen=SeenItems(data), rng=np.random.default_rng(0)
        )


LISTS = {"u0": [("i1", 0.5), ("i2", 0.9), ("i3", 0.7), ("i4", 0.1)], "u1": [("i5", 3.0), ("i6", 2.0), ("i7", 1.0)]}


def retrieve(n: int, target: int, user: int = 0, history: int = 9, seed: int = 0) -> Candidates:
    data = world(np.array([user]), np.array([history]))
    return RetrieverSampler(LISTS, data).candidates(
        np.array([user]), np.array([target]), n_candidates=n, seen=SeenItems(data), rng=np.random.default_rng(seed)
    )


def test_retriever_gives_the_best_n_with_their_scores() -> None:
    drawn = retrieve(3, target=3)
    assert drawn.scores is not None
    assert dict(zip(drawn.items[0].tolist(), drawn.scores[0].tolist(), strict=True)) == {2: 0.9, 3: 0.7, 1: 0.5}
    assert drawn.items[0, drawn.target_position[0]] == 3


def test_a_target_that_was_not_retrieved_stays_missing() -> None:
    for target in (20, 4):  # never listed; listed below the cut
        drawn = retrieve(3, target=target)
        assert drawn.target_position.tolist() == [-1]
        assert target not in drawn.items


def test_retriever_leaves_the_history_out() -> None:
    assert sorted(retrieve(3, target=3, history=2).items[0].tolist()) == [1, 3, 4]


def test_retrieved_items_are_shuffled() -> None:
    positions = np.array([retrieve(3, target=2, seed=seed).target_position[0] for seed in range(600)])
    _uniform_over_positions(positions, 3)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"u0": [("i1", 1.0), ("i1", 0.5)]}, "item 'i1' twice"),
        ({"u0": [("zz", 1.0)]}, "'zz', which is not in the data set"),
        ({"u0": [("i1", float("nan"))]}, "item 'i1' the score nan"),
        ({"u1": [("i1", 1.0), ("i2", 1.0)]}, "user 'u0' has no list"),
        ({"u0": [("i1", 1.0), ("i9", 1.0)]}, "has 1 of 2 items left outside the history where n_candidates=2"),
    ],
)
def test_malformed_retriever_lists(lists: dict[str, list[tuple[str, float]]], message: str) -> None:
    data = world(np.array([0]), np.array([9]))
    with pytest.raises(DataError, match=message):
        RetrieverSampler(lists, data).candidates(
            np.array([0]), np.array([1]), n_candidates=2, seen=SeenItems(data), rng=np.random.default_rng(0)
        )


def test_seen_items_lookup() -> None:
    seen = SeenItems(world(np.array([0, 2, 2]), np.array([4, 1, 0])))
    assert seen.contains(np.array([[0], [2]]), np.array([[4, 1], [4, 1]])).tolist() == [
        [True, False],
        [False, True],
    ]
    assert seen.items_of(2).tolist() == [0, 1]
    assert seen.counts(np.arange(N_ITEMS) > 0).tolist() == [1, 0, 1, 0, 0, 0]
