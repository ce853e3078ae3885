"""Every fact that is read from a table's arrays is the one that a loop over its tasks finds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task_strategies import FEW, SHORT, task_lists
from rerank_guard.core import row_equality
from rerank_guard.core.item_use import codes_in, ids_per_key, negative_items, text_codes, used_items
from rerank_guard.core.listed import distinct_per_row, duplicates_per_task, falls_by_first_stage, target_listing
from rerank_guard.core.membership import (
    candidate_grades,
    candidates_in_history,
    stated_relevance,
    target_in_history,
    unlisted_relevant,
)
from rerank_guard.core.ragged import Ragged, offsets_of, row_blocks, stacked
from rerank_guard.core.row_counts import row_standing, times_in_row
from rerank_guard.core.row_equality import distinct_tasks, first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import Item, RankingTask


def flat(rows):
    return [value for row in rows for value in row]


@FEW
@given(tasks=task_lists())
def test_where_the_target_is_listed(tasks):
    listing = target_listing(TaskTable.from_tasks(tasks))
    ids = [task.candidate_ids for task in tasks]
    positions = [
        row.index(task.target_id) if task.target_id in row else -1 for row, task in zip(ids, tasks, strict=True)
    ]
    assert listing.position.tolist() == positions
    assert listing.times.tolist() == [row.count(task.target_id) for row, task in zip(ids, tasks, strict=True)]


@FEW
@given(tasks=task_lists())
def test_repeats_within_lists(tasks):
    table = TaskTable.from_tasks(tasks)
    assert duplicates_per_task(table).tolist() == [
        task.n_candidates - len(set(task.candidate_ids)) for task in tasks
    ]
    codes, keys = text_codes(table.pool, str.casefold)
    assert distinct_per_row(table.histories, codes).tolist() == [
        len({item.text.casefold() for item in task.history}) for task in tasks
    ]
    assert [keys[code] for code in codes.tolist()] == [text.casefold() for text in table.pool.texts]


@FEW
@given(tasks=task_lists())
def test_where_each_candidate_is(tasks):
    candidates = TaskTable.from_tasks(tasks).candidates
    assert candidates.row_of_value().tolist() == flat([row] * task.n_candidates for row, task in enumerate(tasks))
    assert candidates.position_of_value().tolist() == flat(range(task.n_candidates) for task in tasks)


@FEW
@given(tasks=task_lists())
def test_what_the_history_holds(tasks):
    table = TaskTable.from_tasks(tasks)
    taken = [{item.item_id for item in task.history} for task in tasks]
    assert candidates_in_history(table).tolist() == flat(
        [item_id in own for item_id in task.candidate_ids] for own, task in zip(taken, tasks, strict=True)
    )
    assert target_in_history(table).tolist() == [
        task.target_id in own for own, task in zip(taken, tasks, strict=True)
    ]


@FEW
@given(tasks=task_lists())
def test_grades_of_candidates_and_relevant_items_that_are_not_listed(tasks):
    table = TaskTable.from_tasks(tasks)
    assert candidate_grades(table).tolist() == flat(
        [task.grades.get(item_id, 0.0) for item_id in task.candidate_ids] for task in tasks
    )
    assert unlisted_relevant(table).tolist() == [
        sum(grade > 0 and item_id not in task.candidate_ids for item_id, grade in task.grades.items())
        for task in tasks
    ]
    stated = stated_relevance(table)
    ids = list(table.pool.ids)
    for row, task in enumerate(tasks):
        grades = stated.grades[stated.ids.offsets[row] : stated.ids.offsets[row + 1]].tolist()
        assert dict(zip([ids[code] for code in stated.ids.row(row).tolist()], grades, strict=True)) == task.grades


@FEW
@given(tasks=task_lists())
def test_lists_in_the_order_of_the_first_stage(tasks):
    def falls(scores):
        return scores is not None and list(scores) == sorted(scores, reverse=True) and scores[0] > scores[-1]

    expected = [falls(task.first_stage_scores) for task in tasks]
    assert falls_by_first_stage(TaskTable.from_tasks(tasks)).tolist() == expected


@FEW
@given(tasks=task_lists())
def test_which_items_are_used(tasks):
    table = TaskTable.from_tasks(tasks)
    part = table[:2]
    items = table.pool.items(range(len(table.pool)))
    shown = {item for task in tasks[:2] for item in (*task.candidates, *task.history)}
    negatives = {item for task in tasks[:2] for item in task.candidates if item.item_id != task.target_id}
    assert {item for item, used in zip(items, used_items(part).tolist(), strict=True) if used} == shown
    assert {item for item, used in zip(items, negative_items(part).tolist(), strict=True) if used} == negatives


@FEW
@given(tasks=task_lists(), repeats=st.data())
def test_tasks_that_come_again(tasks, repeats):
    again = repeats.draw(st.lists(st.sampled_from(tasks), max_size=6)) if tasks else []
    tasks = tasks + again
    targets: dict[object, set[str]] = {}
    for task in tasks:
        targets.setdefault(task.candidate_ids, set()).add(task.target_id)
    first: dict[object, int] = {}
    for row, task in enumerate(tasks):
        is_fixed = task.n_candidates > 1 and 2 * len(targets[task.candidate_ids]) > task.n_candidates
        first.setdefault((task.query_id if is_fixed else None, task.target_id, task.candidate_ids), row)
    assert distinct_tasks(TaskTable.from_tasks(tasks)).tolist() == list(first.values())


ROWS = st.lists(st.lists(st.integers(0, 2), max_size=3), max_size=12)


@pytest.mark.parametrize("is_hash_useless", [False, True])
@FEW
@given(rows=ROWS, data=st.data())
def test_first_equal_rows_are_exact_whatever_the_hash(is_hash_useless, rows, data):
    other = data.draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    ragged = Ragged(
        np.array(flat(rows), dtype=np.int32), offsets_of(np.array([len(r) for r in rows], dtype=np.int64))
    )
    seen: dict[object, int] = {}
    expected = [
        seen.setdefault((tuple(row), one), at) for at, (row, one) in enumerate(zip(rows, other, strict=True))
    ]
    with pytest.MonkeyPatch.context() as patch:
        if is_hash_useless:
            patch.setattr(row_equality, "_mixed", lambda values: values * np.uint64(0))
        assert first_equal_rows(ragged, np.array(other, dtype=np.int64)).tolist() == expected


@FEW
@given(rows=ROWS, block=st.integers(1, 5))
def test_rows_by_length_are_all_rows_once(rows, block):
    ragged = Ragged(
        np.array(flat(rows), dtype=np.int32), offsets_of(np.array([len(r) for r in rows], dtype=np.int64))
    )
    found = {}
    lengths = []
    for at, matrix in ragged.matrices(block):
        assert len(at) == 1 or matrix.size <= block
        lengths.append(matrix.shape[1])
        found |= dict(zip(at.tolist(), matrix.tolist(), strict=True))
    assert found == dict(enumerate(rows))
    assert lengths == sorted(lengths)
    covered = list(row_blocks(ragged.offsets, block))
    assert flat(range(*pair) for pair in covered) == list(range(len(rows)))
    assert all(stop == start + 1 or sum(map(len, rows[start:stop])) <= block for start, stop in covered)


@FEW
@given(texts=st.lists(SHORT, max_size=8), data=st.data())
def test_texts_come_back(texts, data):
    pool = TextPool.from_texts(texts)
    cut = data.draw(st.slices(len(texts)))
    assert list(pool) == texts
    assert [pool[place] for place in range(-len(texts), len(texts))] == texts + texts
    assert list(pool[cut]) == texts[cut]
    unlike = list(Counter(texts))
    assert codes_in(pool, TextPool.from_texts(unlike)).tolist() == [unlike.index(text) for text in texts]
    assert codes_in(pool, TextPool.from_texts([])).tolist() == [-1] * len(texts)


def test_values_by_id_are_looked_up_once_for_all_texts_of_it():
    items = (Item("a", "Alien"), Item("b", "Brazil"), Item("a", "Alien (1979)"))
    table = TaskTable.from_tasks([RankingTask("u", (), items, "c", None)])
    of_ids = table.pool.of_ids({"a": 2.0, "z": 9.0}, unknown=-1.0)
    assert of_ids[table.pool.id_codes(table.candidates.values)].tolist() == [2.0, -1.0, 2.0]


def test_facts_are_the_same_over_many_blocks():
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 60, size=20_000)  # some 600,000 candidates: three blocks
    total = int(lengths.sum())
    history = rng.integers(500, size=(20_000, 5), dtype=np.int32)
    table = TaskTable.from_arrays(
        item_ids=[f"i{i}" for i in range(500)],
        item_texts=[f"title {i}" for i in range(500)],
        query_ids=[str(u) for u in range(20_000)],
        candidates=rng.integers(500, size=total, dtype=np.int32),
        candidate_offsets=offsets_of(lengths),
        target=rng.integers(500, size=20_000),
        target_position=np.zeros(20_000, dtype=np.int32),
        history=history,
    )
    listing, repeats, known = target_listing(table), duplicates_per_task(table), candidates_in_history(table)
    grades = candidate_grades(table)
    for row in range(0, 20_000, 3):
        ids, target = table.candidates.row(row), table.target[row]
        at = slice(*table.candidates.offsets[row : row + 2])
        places = np.flatnonzero(ids == target)
        assert listing.times[row] == len(places)
        assert listing.position[row] == (places[0] if len(places) else -1)
        assert repeats[row] == len(ids) - len(set(ids.tolist()))
        np.testing.assert_array_equal(known[at], np.isin(ids, history[row]))
        np.testing.assert_array_equal(grades[at], ids == target)


@FEW
@given(tasks=task_lists())
def test_counts_within_lists(tasks):
    table = TaskTable.from_tasks(tasks)
    codes, _ = text_codes(table.pool, str.casefold)
    texts = [[item.text.casefold() for item in task.candidates] for task in tasks]
    assert times_in_row(table.candidates, codes).values.tolist() == flat(
        [row.count(t) for t in row] for row in texts
    )
    length = np.array([len(text) for text in table.pool.texts])
    position = target_listing(table).position
    standing = row_standing(table.candidates, position, length)
    for row, (task, at) in enumerate(zip(tasks, position.tolist(), strict=True)):
        lengths = [] if at < 0 else [len(item.text) for item in task.candidates]
        own = None if at < 0 else lengths.pop(at)
        assert standing.below[row] == sum(other < own for other in lengths)
        assert standing.tied[row] == sum(other == own for other in lengths)
        assert standing.above[row] == sum(other > own for other in lengths)


@FEW
@given(tasks=task_lists())
def test_texts_in_the_history_and_ids_per_text(tasks):
    table = TaskTable.from_tasks(tasks)
    codes, keys = text_codes(table.pool, str.casefold)
    shown = [{item.text.casefold() for item in task.history} for task in tasks]
    assert candidates_in_history(table, codes).tolist() == flat(
        [item.text.casefold() in own for item in task.candidates] for own, task in zip(shown, tasks, strict=True)
    )
    bearers = {key: set() for key in keys}
    for task in tasks:
        for item in (*task.history, *task.candidates):
            bearers[item.text.casefold()].add(item.item_id)
    assert ids_per_key(table, codes, len(keys)).tolist() == [len(bearers[key]) for key in keys]


@FEW
@given(first=ROWS, second=ROWS)
def test_stacked_rows_are_the_rows_of_both(first, second):
    one, other = (
        Ragged(np.array(flat(rows), dtype=np.int32), offsets_of(np.array([len(r) for r in rows], dtype=np.int64)))
        for rows in (first, second)
    )
    both = stacked(one, other)
    assert [both.row(at).tolist() for at in range(len(both))] == first + second
