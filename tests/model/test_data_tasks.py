from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.retriever import RetrieverSampler
from rerank_model.data.samplers import PopularitySampler, UniformSampler
from rerank_model.data.splits import leave_last_out
from rerank_model.data.tasks import count_training_tasks, held_out_tasks, iter_training_tasks, training_tasks
from rerank_model.errors import DataError

CATALOGUE = Catalogue.from_texts({f"i{item}": f"Title {item}" for item in range(40)})


def random_interactions(seed: int, n_users: int = 12) -> Interactions:
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{user}", f"i{item}", int(rng.integers(0, 20)))
        for user in range(n_users)
        for item in rng.permutation(40)[: rng.integers(1, 15)]
    ]
    rows = [rows[row] for row in rng.permutation(len(rows))]
    users, items, times = zip(*rows, strict=True)
    return Interactions.from_columns(users, items, times).aligned_to(CATALOGUE)


def histories(data: Interactions) -> dict[str, list[str]]:
    ordered = data.chronological()
    found: dict[str, list[str]] = {}
    for user, item in zip(ordered.user, ordered.item, strict=True):
        found.setdefault(ordered.user_ids[user], []).append(ordered.item_ids[item])
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 8), length=st.integers(0, 6))
def test_held_out_tasks_show_the_past_and_hide_the_rest(seed: int, n: int, length: int) -> None:
    data = random_interactions(seed)
    split = leave_last_out(data)
    tasks = held_out_tasks(
        split.test,
        CATALOGUE,
        UniformSampler(data),
        n_candidates=n,
        history_length=length,
        rng=np.random.default_rng(seed),
    )
    full = histories(data)
    assert sorted(task.query_id for task in tasks) == sorted(user for user, own in full.items() if len(own) >= 3)
    for task in tasks:
        own = full[task.query_id]
        assert task.target_id == own[-1]
        assert [item.item_id for item in task.history] == (own[:-1][-length:] if length else [])
        assert task.target_index is not None
        assert task.candidate_ids[task.target_index] == own[-1]
        assert len(set(task.candidate_ids)) == n
        assert not set(task.candidate_ids) & set(own[:-1])
        assert all(item.text == CATALOGUE.texts[item.item_id] for item in (*task.history, *task.candidates))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), least=st.integers(0, 3), length=st.integers(0, 6))
def test_training_tasks_cover_every_position_once(seed: int, least: int, length: int) -> None:
    train = leave_last_out(random_interactions(seed)).train
    own = histories(train)
    expected = sorted(
        (user, item, tuple(items[max(0, t - length) : t]))
        for user, items in own.items()
        for t, item in enumerate(items)
        if t >= least
    )
    if not expected:
        return
    tasks = training_tasks(
        train,
        CATALOGUE,
        UniformSampler(train),
        n_candidates=5,
        history_length=length,
        rng=np.random.default_rng(seed),
        min_history=least,
    )
    shown = sorted((task.query_id, task.target_id, tuple(item.item_id for item in task.history)) for task in tasks)
    assert shown == expected
    assert count_training_tasks(train, min_history=least) == len(expected)
    for task in tasks:
        negatives = set(task.candidate_ids) - {task.target_id}
        assert len(negatives) == 4
        assert not negatives & set(own[task.query_id]), "a later training item of the user is a negative"


def test_a_held_out_target_can_be_a_training_negative() -> None:
    # Otherwise the negatives of a user would reveal what was held out.
    split = leave_last_out(random_interactions(1))
    targets = {
        (split.test.targets.user_ids[user], split.test.targets.item_ids[item])
        for user, item in zip(split.test.targets.user, split.test.targets.item, strict=True)
    }
    tasks = training_tasks(
        split.train,
        CATALOGUE,
        UniformSampler(split.train),
        n_candidates=20,
        history_length=5,
        rng=np.random.default_rng(0),
    )
    assert any((task.query_id, item) in targets for task in tasks for item in task.candidate_ids)


def test_same_seed_same_tasks_and_a_second_pass_has_fresh_negatives() -> None:
    train = leave_last_out(random_interactions(2)).train
    arguments = {"n_candidates": 6, "history_length": 3, "n_examples": 20}

    def make(rng: np.random.Generator) -> list[tuple[str, tuple[str, ...]]]:
        tasks = training_tasks(train, CATALOGUE, PopularitySampler(train), rng=rng, **arguments)  # type: ignore[arg-type]
        return [(task.query_id, task.candidate_ids) for task in tasks]

    rng = np.random.default_rng(7)
    first, second = make(rng), make(rng)
    assert len(first) == 20
    assert first != second
    assert make(np.random.default_rng(7)) == first


def test_streaming_draws_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rerank_model.data.tasks._CHUNK", 4)
    train = leave_last_out(random_interactions(3)).train
    calls = []

    class Counting(UniformSampler):
        def candidates(self, users, *rest, **more):  # type: ignore[no-untyped-def]
            calls.append(len(users))
            return super().candidates(users, *rest, **more)

    stream = iter_training_tasks(
        train, CATALOGUE, Counting(train), n_candidates=3, history_length=2, rng=np.random.default_rng(0)
    )
    assert calls == []
    assert len(list(islice(stream, 6))) == 6
    assert calls == [4, 4]


def test_a_target_the_retriever_missed_is_none() -> None:
    data = random_interactions(4)
    split = leave_last_out(data)
    full = histories(data)
    # The list of every user: the first five items they never took, so never the target.
    lists = {
        user: [(item, float(-rank)) for rank, item in enumerate(i for i in CATALOGUE.item_ids if i not in own)][:5]
        for user, own in full.items()
    }
    tasks = held_out_tasks(
        split.test,
        CATALOGUE,
        RetrieverSampler(lists, data),
        n_candidates=5,
        history_length=3,
        rng=np.random.default_rng(0),
    )
    for task in tasks:
        assert task.target_index is None
        assert task.target_id not in task.candidate_ids
        assert task.first_stage_scores is not None
        assert dict(zip(task.candidate_ids, task.first_stage_scores, strict=True)) == dict(lists[task.query_id])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_candidates": 1}, "n_candidates is 1"),
        ({"history_length": -1}, "history_length is -1"),
        ({"min_history": -1}, "min_history is -1"),
        ({"min_history": 99}, "more than min_history=99"),
        ({"n_examples": 10**6}, "n_examples is 1,000,000; there are"),
        ({"n_examples": 0}, "n_examples is 0"),
        ({"n_candidates": 41}, "left as negatives"),
        ({"catalogue": Catalogue.from_texts({"i1": "One"})}, "not among the catalogue's 1 items"),
    ],
)
def test_training_tasks_refuse(change: dict[str, object], message: str) -> None:
    train = leave_last_out(random_interactions(5)).train
    arguments: dict[str, object] = {
        "catalogue": CATALOGUE,
        "n_candidates": 5,
        "history_length": 3,
        "rng": np.random.default_rng(0),
        **change,
    }
    catalogue = arguments.pop("catalogue")
    with pytest.raises(DataError, match=message):
        training_tasks(train, catalogue, UniformSampler(train), **arguments)  # type: ignore[arg-type]


def test_repeats_are_refused_in_training() -> None:
    train = Interactions.from_columns(["u", "u"], ["i1", "i1"], [1, 2]).aligned_to(CATALOGUE)
    with pytest.raises(DataError, match="without_repeats"):
        training_tasks(
            train, CATALOGUE, UniformSampler(train), n_candidates=3, history_length=2, rng=np.random.default_rng(0)
        )
