"""Synthetic tasks: blanked prompts say nothing, swapped histories are another user's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.builders import make_tasks
from rerank_guard.baselines.counterfactual import (
    BLANK_TEXT,
    blank_prompts,
    blanked_tasks,
    content_free_scores,
    has_histories_to_swap,
    swapped_histories,
)
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask


def with_history(task, *item_ids):
    return replace(task, history=tuple(Item(item_id, f"item {item_id}") for item_id in item_ids))


def ids(task):
    return tuple(item.item_id for item in task.history)


def users(n, *, seed=0, n_items=400, history=4, n_candidates=6):
    """Users with histories and candidates drawn from one catalogue."""
    rng = np.random.default_rng(seed)
    tasks = []
    for user in range(n):
        drawn = [Item(f"i{i}", f"item {i}") for i in rng.permutation(n_items)[: history + n_candidates]]
        tasks.append(RankingTask(f"u{user}", tuple(drawn[:history]), tuple(drawn[history:]), drawn[-1].item_id, 5))
    return tasks


def test_blanked_tasks_keep_positions_and_ids_and_nothing_else():
    tasks = [replace(with_history(task, "h"), first_stage_scores=(1.0,) * task.n_candidates)
             for task in make_tasks([2, 0], [3, 2])]  # fmt: skip
    blanked = blanked_tasks(tasks)
    assert [task.candidate_ids for task in blanked] == [task.candidate_ids for task in tasks]
    assert [(task.target_id, task.target_index) for task in blanked] == [("u0-i2", 2), ("u1-i0", 0)]
    assert {item.text for task in blanked for item in task.candidates} == {"N/A"}
    assert all(task.history == (Item("blank-history", BLANK_TEXT),) for task in blanked)
    assert all(task.first_stage_scores is None for task in blanked)
    assert [task.query_id for task in blanked] == ["user-0, blanked", "user-1, blanked"]


def test_blank_prompts_are_one_for_each_n_and_hold_no_real_id():
    tasks = make_tasks([0, 0, 0, 1], [5, 3, 5, 2])
    prompts = blank_prompts(tasks, text="-")
    assert [prompt.n_candidates for prompt in prompts] == [2, 3, 5]
    assert {item.text for prompt in prompts for item in prompt.candidates} == {"-"}
    real = {item_id for task in tasks for item_id in task.candidate_ids}
    assert real.isdisjoint(item_id for prompt in prompts for item_id in prompt.candidate_ids)


def test_content_free_scores_equal_those_of_every_blanked_task():
    """A scorer that reads texts and positions only gives the same either way."""

    def score(tasks):
        return [np.array([len(item.text) + 0.1 * position * task.n_candidates for position, item in enumerate(task.candidates)])
                for task in tasks]  # fmt: skip

    tasks = make_tasks([0, 0, 0, 1], [5, 3, 5, 2])
    spread = content_free_scores(tasks, score(blank_prompts(tasks)))
    for obtained, expected in zip(spread, score(blanked_tasks(tasks)), strict=True):
        np.testing.assert_array_equal(obtained, expected)
    with pytest.raises(ValueError, match="read-only"):
        spread[0][0] = 7.0


def test_a_query_text_is_blanked_too():
    tasks = [replace(make_tasks([0], [3])[0], query="films like these"), make_tasks([0], [3])[0]]
    assert [task.query for task in blanked_tasks(tasks)] == [BLANK_TEXT, ""]
    assert [prompt.query for prompt in blank_prompts(tasks)] == [BLANK_TEXT]
    assert [prompt.query for prompt in blank_prompts(tasks[1:])] == [""]


def test_histories_differ_or_there_is_nothing_to_swap():
    alike = [with_history(task, "same") for task in make_tasks([0] * 3, [3] * 3)]
    assert not has_histories_to_swap(alike)
    assert has_histories_to_swap([*alike, with_history(alike[0], "other")])
    renamed = replace(alike[1], history=(Item("same", "another title"),))
    assert has_histories_to_swap([alike[0], renamed])


def test_a_table_gives_what_its_tasks_give():
    tasks = users(40)
    one, other = (swapped_histories(given, np.random.default_rng(3)) for given in (tasks, TaskTable.of(tasks)))
    assert list(one.tasks) == list(other.tasks)
    np.testing.assert_array_equal(one.donors, other.donors)


@pytest.mark.parametrize(
    "rows", [[[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [1.0, float("nan"), 3.0]], [[1.0]] * 3]
)
def test_scores_that_are_not_those_of_the_blank_prompts_are_refused(rows):
    tasks = make_tasks([0, 0], [3, 2])
    with pytest.raises(InvalidScoresError, match="scores of the blank prompts"):
        content_free_scores(tasks, [np.array(row) for row in rows])


def test_every_history_goes_to_another_user_and_nothing_else_changes():
    tasks = users(50)
    swapped = swapped_histories(tasks, np.random.default_rng(0))
    assert sorted(swapped.donors.tolist()) == list(range(50)), "each history is used once"
    assert swapped.swapped.all()
    for position, (task, before) in enumerate(zip(swapped.tasks, tasks, strict=True)):
        donor = tasks[swapped.donors[position]]
        assert donor is not before
        assert task == replace(
            before, query_id=f"{before.query_id} with the history of {donor.query_id}", history=donor.history
        )


def test_the_same_seed_gives_the_same_swap_and_another_one_another():
    tasks = users(50)
    first, again, other = (swapped_histories(tasks, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert list(first.tasks) == list(again.tasks)
    assert list(first.tasks) != list(other.tasks)


@settings(max_examples=80, deadline=None)
@given(
    histories=st.lists(st.integers(0, 3), min_size=2, max_size=12),
    repeats=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_user_keeps_a_history_whatever_the_histories_are(histories, repeats, seed):
    names = [position // 2 if repeats else position for position in range(len(histories))]
    tasks = [
        replace(with_history(task, f"h{history}"), query_id=f"q{name}")
        for task, history, name in zip(
            make_tasks([0] * len(histories), [3] * len(histories)), histories, names, strict=True
        )
    ]
    try:
        swapped = swapped_histories(tasks, np.random.default_rng(seed))
    except InvalidTaskError:
        # with one task a query this is a theorem: a cycle through two different histories changes between them twice
        assert repeats or len(set(histories)) == 1, "two of them could trade"
        return
    assert sorted(swapped.donors.tolist()) == list(range(len(tasks)))
    for position, donor in enumerate(swapped.donors.tolist()):
        assert donor != position
        differs = tasks[donor].history != tasks[position].history
        another = tasks[donor].query_id != tasks[position].query_id
        assert swapped.swapped[position] == (differs and another)


def test_equal_histories_are_avoided_where_others_are_left():
    tasks = [
        with_history(task, "same" if user < 10 else f"h{user}")
        for user, task in enumerate(make_tasks([0] * 30, [3] * 30))
    ]
    for seed in range(20):
        assert swapped_histories(tasks, np.random.default_rng(seed)).swapped.all()


def test_equal_histories_that_cannot_be_avoided_do_not_count_as_swapped():
    tasks = [
        with_history(task, "same" if user < 9 else "other")
        for user, task in enumerate(make_tasks([0] * 10, [3] * 10))
    ]
    swapped = swapped_histories(tasks, np.random.default_rng(0))
    assert swapped.swapped.sum() == 2, "the one with the other history, and the one who got it"
    for task, before, truly in zip(swapped.tasks, tasks, swapped.swapped, strict=True):
        assert (ids(task) != ids(before)) == truly


def test_donors_who_took_a_candidate_are_avoided():
    tasks = users(200, n_items=60, history=6, n_candidates=8)
    shuffled = np.random.default_rng(5).permutation(200)
    leaks = [
        not set(ids(tasks[donor])).isdisjoint(task.candidate_ids)
        for task, donor in zip(tasks, shuffled, strict=True)
    ]
    assert np.mean(leaks) > 0.4, "a swap without care would leak for many"
    swapped = swapped_histories(tasks, np.random.default_rng(0))
    assert not swapped.leaking.any()
    assert all(set(ids(task)).isdisjoint(task.candidate_ids) for task in swapped.tasks)


def test_a_leak_that_cannot_be_avoided_is_marked():
    tasks = make_tasks([0, 0], [3, 3])
    tasks = [with_history(tasks[0], "u1-i2"), with_history(tasks[1], "elsewhere")]
    swapped = swapped_histories(tasks, np.random.default_rng(0))
    assert swapped.leaking.tolist() == [False, True]
    assert swapped.swapped.all()


@pytest.mark.parametrize(
    ("histories", "message"),
    [([], r"among 0 task\(s\)"), ([("a",)], r"among 1 task\(s\)"), ([()] * 4, r"for any of 4 tasks.*0 item\(s\)"), ([("a",)] * 3, "for any of 3")],
)  # fmt: skip
def test_where_nothing_can_be_swapped_is_an_error(histories, message):
    tasks = [
        with_history(task, *history)
        for task, history in zip(make_tasks([0] * len(histories), [3] * len(histories)), histories, strict=True)
    ]
    with pytest.raises(InvalidTaskError, match=message):
        swapped_histories(tasks, np.random.default_rng(0))


def test_a_ranker_that_ignores_the_history_is_not_changed_and_one_that_reads_it_is():
    """What the history-blind baseline is for (S8)."""
    tasks = users(60)

    def by_popularity(tasks):
        return [np.array([int(item.item_id[1:]) for item in task.candidates]) for task in tasks]

    def by_history(tasks):
        last = [int(task.history[-1].item_id[1:]) for task in tasks]
        return [-abs(row - at) for row, at in zip(by_popularity(tasks), last, strict=True)]

    swapped = swapped_histories(tasks, np.random.default_rng(0)).tasks
    np.testing.assert_array_equal(by_popularity(swapped), by_popularity(tasks))
    changed = [not np.array_equal(a, b) for a, b in zip(by_history(swapped), by_history(tasks), strict=True)]
    assert all(changed), "every user's ranking depends on the history"
