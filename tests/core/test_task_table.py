"""A table of tasks gives back what it was given, cut, taken and pickled, in a known number of bytes."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task_strategies import FEW, task_lists
from rerank_guard.core import task_encoder
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask

A, B = Item("a", "Alien"), Item("b", "Brazil")


@FEW
@given(tasks=task_lists())
def test_every_task_comes_back(tasks):
    table = TaskTable.from_tasks(iter(tasks))
    assert len(table) == len(tasks)
    assert [table[row] for row in range(len(table))] == tasks
    assert list(table) == tasks
    assert list(reversed(table)) == tasks[::-1]
    assert table.n_candidates.tolist() == [task.n_candidates for task in tasks]


@FEW
@given(tasks=task_lists(), data=st.data())
def test_a_slice_is_the_slice_of_the_tasks(tasks, data):
    cut = data.draw(st.slices(len(tasks)))
    table = TaskTable.from_tasks(tasks)
    part = table[cut]
    assert isinstance(part, TaskTable)
    assert part.pool is table.pool
    assert list(part) == tasks[cut]
    assert list(part[1:]) == tasks[cut][1:]


@FEW
@given(tasks=task_lists(), data=st.data())
def test_rows_are_taken_in_any_order_and_repeatedly(tasks, data):
    rows = data.draw(st.lists(st.integers(0, len(tasks) - 1), max_size=12)) if tasks else []
    table = TaskTable.from_tasks(tasks)
    taken = table.take(rows)
    assert taken.pool is table.pool
    assert list(taken) == [tasks[row] for row in rows]
    assert list(taken[::-1]) == [tasks[row] for row in rows[::-1]]


@FEW
@given(tasks=task_lists(max_size=4))
def test_a_pickled_table_is_the_same(tasks):
    table = TaskTable.from_tasks(tasks)
    assert list(table) == tasks  # fills what is kept between calls
    assert list(pickle.loads(pickle.dumps(table))) == tasks


def test_rows_longer_than_a_block_are_taken_whole():
    rng = np.random.default_rng(0)
    lengths = [300_000, 1, 2, 270_000, 5]
    items = [Item(f"i{i}", f"title {i}") for i in range(50)]
    tasks = [
        RankingTask(f"u{u}", (), tuple(items[i] for i in rng.integers(50, size=n).tolist()), "i1", None)
        for u, n in enumerate(lengths)
    ]
    table = TaskTable.from_tasks(tasks)
    assert list(table.take([3, 0, 4, 3])) == [tasks[3], tasks[0], tasks[4], tasks[3]]


def test_a_table_is_a_sequence_of_tasks():
    tasks = [RankingTask(f"u{u}", (A,), (A, B), "b", 1) for u in range(3)]
    table = TaskTable.from_tasks(tasks)
    assert isinstance(table, Sequence)
    assert TaskTable.of(table) is table
    assert list(TaskTable.of(tasks)) == tasks
    assert table[-1] == tasks[-1]
    assert table[np.int64(1)] == tasks[1]
    assert tasks[2] in table
    assert table.index(tasks[2]) == 2
    for row in (3, -4):
        with pytest.raises(IndexError):
            table[row]


def test_an_item_is_stored_once_and_an_id_with_two_texts_twice():
    other = Item("a", "Alien (1979)")
    tasks = [RankingTask(f"u{u}", (B,), (A, B, Item("a", "Alien"), other), "a", 0) for u in range(5)]
    table = TaskTable.from_tasks(tasks)
    assert len(table.pool) == 3
    assert list(table.pool.ids) == ["a", "b"]
    assert table.candidates.row(4).tolist() == [0, 1, 0, 2]
    assert table.pool.id_codes(table.candidates.row(4)).tolist() == [0, 1, 0, 0]
    assert not table.pool.is_one_text_per_id
    assert table[0].candidates[2] is table[4].candidates[0]


def test_new_objects_for_equal_items_make_no_new_item():
    def stream():
        for user in range(200):
            yield RankingTask(f"u{user}", (), tuple(Item(f"i{i}", f"title {i}") for i in range(10)), "i3", 3)

    table = TaskTable.from_tasks(stream())
    assert len(table.pool) == 10
    assert list(table) == list(stream())


@pytest.mark.parametrize("is_shared", [False, True])
def test_codes_do_not_depend_on_which_objects_are_remembered(is_shared, monkeypatch):
    """With few items remembered, they are forgotten many times, and not looked for any more where all are new."""
    monkeypatch.setattr(task_encoder, "_MOST_RECENT", 15)
    catalogue = [Item(f"i{i}", f"title {i}") for i in range(20)]
    rng = np.random.default_rng(1)

    def stream():
        for user, codes in enumerate(rng.integers(20, size=(300, 4)).tolist()):
            items = [catalogue[code] for code in codes]
            shown = tuple(items if is_shared else (Item(item.item_id, item.text) for item in items))
            yield RankingTask(f"u{user}", shown[:1], shown[1:], "i1", None)

    tasks = list(stream())
    table = TaskTable.from_tasks(iter(tasks))
    assert list(table) == tasks
    assert len(table.pool) == len({item for task in tasks for item in (*task.history, *task.candidates)})


@pytest.mark.parametrize("index", [None, 0, 1, -1, -2, 40, np.int32(1)])
def test_a_stated_position_comes_back_as_it_was(index):
    task = RankingTask("u", (), (A, B), "a", index)
    assert TaskTable.from_tasks([task])[0].target_index == index


def test_an_optional_column_begins_at_the_first_task_that_has_it():
    tasks = [
        RankingTask("u0", (), (A,), "a", 0),
        RankingTask("u1", (), (A, B), "a", 0, first_stage_scores=(0.5, -np.inf), scored=(True, False)),
        RankingTask("u2", (), (B, A, A), "a", 0),
    ]
    table = TaskTable.from_tasks(tasks)
    assert table.first_stage_scores is not None
    assert table.scored is not None
    assert table.first_stage_scores.given.tolist() == [False, True, False]
    np.testing.assert_array_equal(table.first_stage_scores.values, [np.nan, 0.5, -np.inf, np.nan, np.nan, np.nan])
    assert table.scored.values.tolist() == [True, True, False, True, True, True]
    assert list(table) == tasks
    assert TaskTable.from_tasks(tasks[:1]).first_stage_scores is None
    assert TaskTable.from_tasks(tasks[:1]).scored is None


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        ("no task", "no task"),
        (RankingTask(7, (), (A, B), "a", 0), "7"),
        (RankingTask("u", (), (A, Item(7, "x")), "a", 0), "7"),
        (RankingTask("u", (), (A, Item("c", None)), "a", 0), "None"),
        (RankingTask("u", (), (A, Item(["c"], "x")), "a", 0), "list"),
        (RankingTask("u", (), (A, B), 7, 0), "7"),
        (RankingTask("u", (), (A, B), "a", 0.0), "float"),
        (RankingTask("u", (), (A, B), "a", True), "True"),
        (RankingTask("u", (), (A, B), "a", 2**31), str(2**31)),
        (RankingTask("u", (), (A, B), "a", 0, first_stage_scores=("high", "low")), "str"),
        (RankingTask("u", (), (A, B), "a", 0, scored=(1, 0)), "int"),
        (RankingTask("u", (), (A, B), "a", 0, query=None), "None"),
        (RankingTask("u", (), (A, B), "a", 0, relevance={"a": 1.0, 7: 1.0}), "7"),
    ],
)
def test_what_no_table_can_hold_is_refused(task, shown):
    with pytest.raises(InvalidTaskError, match=shown):
        TaskTable.from_tasks([RankingTask("before", (), (A, B), "a", 0), task])


@pytest.mark.parametrize("rows", [[0, 2], [-1], [0.0], [[0]], [True, False]])
def test_rows_that_no_table_has_are_refused(rows):
    table = TaskTable.from_tasks([RankingTask(f"u{u}", (), (A, B), "a", 0) for u in range(2)])
    with pytest.raises(InvalidTaskError):
        table.take(rows)


def test_bytes_of_20_000_tasks():
    """200 for 50 candidates, 40 for 10 history items, 16 for offsets, 8 for the target, 8 + 10 for the query_id."""
    rng = np.random.default_rng(0)
    n_tasks, n_items = 20_000, 1_000
    items = [Item(f"item-{i:05d}", f"title {i:05d}") for i in range(n_items)]

    def stream():
        for user in range(n_tasks):
            shown = tuple(map(items.__getitem__, rng.integers(n_items, size=60).tolist()))
            yield RankingTask(f"user-{user:05d}", shown[:10], shown[10:], shown[17].item_id, 7)

    table = TaskTable.from_tasks(stream())
    items_bytes = table.pool.nbytes
    assert (table.nbytes - items_bytes) / n_tasks == pytest.approx(282, abs=0.01)
    assert items_bytes / n_items == pytest.approx(10 + 8 + 11 + 8 + 4, abs=0.1)
    assert table[:100].nbytes - items_bytes == pytest.approx(282 * 100, abs=40)
