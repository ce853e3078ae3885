"""One row of scores for several candidate lists, and the coincidences that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.checks.comparing.shared_rows import most_that_pass, shared_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item


def made(n_tasks=100, n=12):
    rng = np.random.default_rng(0)
    return random_tasks(rng, [n] * n_tasks), [rng.normal(size=n) for _ in range(n_tasks)]


def found(rows, tasks, **limits):
    shared = shared_rows(ragged(rows), TaskTable.of(tasks)).tolist()
    return shared if len(shared) > most_that_pass(len(tasks), **limits) else []


@pytest.mark.parametrize(
    ("n_tasks", "n_shared", "holds"), [(100, 10, True), (100, 9, False), (600, 12, False), (600, 13, True)]
)
def test_ten_tasks_and_more_than_two_percent_share_a_row(n_tasks, n_shared, holds):
    tasks, rows = made(n_tasks)
    rows = [rows[0] if task < n_shared else row for task, row in enumerate(rows)]
    assert found(rows, tasks) == (list(range(n_shared)) if holds else [])


@pytest.mark.parametrize(("n_shared", "holds"), [(49, True), (50, False)])
def test_a_row_of_half_of_the_tasks_is_a_preference(n_shared, holds):
    tasks, rows = made()
    assert (found([rows[0]] * n_shared + rows[n_shared:], tasks) != []) is holds


def test_a_preference_for_positions_is_one_over_lists_of_unlike_lengths():
    rng = np.random.default_rng(5)
    preference = rng.normal(size=20)
    tasks = random_tasks(rng, [10 + user % 11 for user in range(88)])
    rows = [preference[: task.n_candidates] for task in tasks]
    assert len(shared_rows(ragged(rows), TaskTable.from_tasks(tasks))) == 0
    own = [rng.normal(size=task.n_candidates) for task in tasks]
    misaligned = [*rows[:30], *own[30:]]
    assert len(shared_rows(ragged(misaligned), TaskTable.from_tasks(tasks))) == 30


@pytest.mark.parametrize(("n_values", "holds"), [(7, False), (8, True)])
def test_rows_of_few_different_values_coincide_by_chance(n_values, holds):
    tasks, rows = made()
    few = np.r_[rows[0][:n_values], np.full(12 - n_values, rows[0][0])]
    assert (found([few] * 20 + rows[20:], tasks) != []) is holds


@pytest.mark.parametrize(("decimals", "holds"), [(3, False), (4, True)])
def test_rows_of_few_decimals_coincide_by_chance(decimals, holds):
    tasks, rows = made()
    assert (found([rows[0].round(decimals)] * 20 + rows[20:], tasks) != []) is holds


def test_the_same_candidates_may_have_the_same_scores():
    tasks, rows = made()
    same = [tasks[0]] * 20 + tasks[20:]
    shared = [rows[0]] * 20 + rows[20:]
    assert found(shared, same) == []
    one_other = [tasks[0]] * 19 + tasks[19:]
    assert found(shared, one_other) == list(range(20)), "all tasks of the row, whoever has it rightly"


def test_other_texts_of_the_same_items_are_the_same_candidates():
    tasks, rows = made()
    retold = [
        replace(
            tasks[0], candidates=tuple(Item(item.item_id, f"{item.text} {task}") for item in tasks[0].candidates)
        )
        for task in range(20)
    ]
    assert found([rows[0]] * 20 + rows[20:], retold + tasks[20:]) == []


def test_two_rows_are_two_groups():
    tasks, rows = made()
    rows = [rows[task % 2] if task < 12 else row for task, row in enumerate(rows)]
    same = [tasks[0] if task % 2 == 0 and task < 12 else one for task, one in enumerate(tasks)]
    assert found(rows, tasks) == list(range(12))
    assert found(rows, same) == [], "six tasks are left, which are too few"


def test_tasks_without_a_history_are_left_out_where_others_have_one():
    tasks, rows = made()
    shared = [rows[0]] * 20 + rows[20:]
    seen = (Item("seen", "Seen Film"),)
    assert found(shared, [replace(task, history=seen if u >= 20 else ()) for u, task in enumerate(tasks)]) == []
    assert found(shared, [replace(task, history=seen if u < 20 else ()) for u, task in enumerate(tasks)]) != []
