"""Pairs of tasks: what they share is what sets of their ids share."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.data._task_pairs import SameChoice, TaskPairs, numbered_alike
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask


def some_tasks(rng, users):
    """Short histories with repeats, few items, one item under two texts, target items that may be anywhere."""
    made = []
    for _ in range(users):
        ids = [rng.randrange(12) for _ in range(rng.randint(0, 5))]
        listed = [rng.randrange(12) for _ in range(rng.randint(1, 5))]
        items = [Item(str(i), rng.choice(["a", "b"])) for i in (*ids, *listed)]
        made.append(
            RankingTask(
                str(rng.randrange(6)),
                tuple(items[: len(ids)]),
                tuple(items[len(ids) :]),
                str(rng.randrange(12)),
                None,
            )
        )
    return made


def history_of(task):
    return [item.item_id for item in task.history]


def candidates_alike(one, other):
    first, second = (set(task.candidate_ids) - {task.target_id} for task in (one, other))
    return 2 * len(first & second) >= min(len(first), len(second)) and len(first & second) >= 1


def same_choice(one, other, by_ending):
    first, second = history_of(one), history_of(other)
    shortest = min(len(first), len(second))
    if shortest < 2:
        return first == second and candidates_alike(one, other)
    if by_ending:
        return first[-shortest:] == second[-shortest:]
    shared = len(set(first) & set(second))
    return shared >= 2 and 2 * shared >= min(len(set(first)), len(set(second)))


@pytest.mark.parametrize("seed", range(3))
def test_what_pairs_share_is_what_a_loop_finds(seed):
    rng = random.Random(seed)
    training, test = some_tasks(rng, 40), some_tasks(rng, 30)
    test += [replace(task, query_id="copied") for task in training[:10]]
    test += [replace(task, history=task.history[1:]) for task in training]
    one, other = numbered_alike(TaskTable.from_tasks(training), TaskTable.from_tasks(test), SameChoice(2, 0.5, 4))
    pairs = [(row, where) for row in range(len(training)) for where in range(len(test))]
    rows, other_rows = np.array(pairs).T
    both = TaskPairs(one, rows, other, other_rows)
    for part, expected in (
        (both.candidates_alike, candidates_alike),
        (both.shares_an_item, lambda a, b: not set(history_of(a)).isdisjoint(history_of(b))),
        (both.is_same_choice, lambda a, b: same_choice(a, b, by_ending=False)),
        (both.is_same_ending_choice, lambda a, b: same_choice(a, b, by_ending=True)),
    ):
        assert part.tolist() == [expected(training[row], test[where]) for row, where in pairs]
        assert part.any()
    for row, where in pairs:
        assert (one.query[row] == other.query[where]) == (training[row].query_id == test[where].query_id)
        assert (one.target[row] == other.target[where]) == (training[row].target_id == test[where].target_id)
    assert max(one.number.max(), other.number.max()) < one.n_numbers == other.n_numbers


def test_the_chunks_are_the_pairs_in_their_order(monkeypatch):
    monkeypatch.setattr("rerank_guard.checks.data._task_pairs._AT_ONCE", 3)
    rng = random.Random(0)
    one, other = (TaskTable.from_tasks(some_tasks(rng, 8)) for _ in range(2))
    one, other = numbered_alike(one, other, SameChoice(2, 0.5, 4))
    pairs = TaskPairs(one, np.arange(8), other, np.arange(8)[::-1])
    assert [len(part) for part in pairs.chunks()] == [3, 3, 2]
    assert np.concatenate([part.rows for part in pairs.chunks()]).tolist() == list(range(8))
    assert np.concatenate([part.other_rows for part in pairs.chunks()]).tolist() == list(range(8))[::-1]
    assert list(pairs.where(slice(0, 0)).chunks()) == []
