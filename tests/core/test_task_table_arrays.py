"""A table from arrays is the table of the same tasks, and arrays that do not belong together are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from core.task_strategies import task_lists
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.ragged import offsets_of
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask

ITEMS = [Item("a", "Alien"), Item("b", "Brazil"), Item("c", "Cube"), Item("a", "Alien (1979)")]


def arrays(**changes):
    """Two tasks of 3 and 1 candidates."""
    return {
        "item_ids": [item.item_id for item in ITEMS],
        "item_texts": [item.text for item in ITEMS],
        "query_ids": ["u0", "u1"],
        "candidates": [0, 1, 2, 3],
        "candidate_offsets": [0, 3, 4],
        "target": [1, 0],
        "target_position": [1, -1],
    } | changes


def matrices(**changes):
    """Two tasks of 2 candidates, one history item, two relevant items."""
    return (
        arrays(
            candidates=[[0, 1], [2, 3]],
            candidate_offsets=None,
            history=[[2], [1]],
            relevant=[[1, 2], [3, 1]],
            grades=[2.0, 0.5, 1.0, 0.0],
            queries=["films", ""],
            first_stage_scores=[[0.5, np.inf], [np.nan, np.nan]],
            scored=[[True, False], [True, True]],
        )
        | changes
    )


def test_ragged_arrays_are_tasks():
    table = TaskTable.from_arrays(**arrays(history=[2, 2], history_offsets=[0, 0, 2]))
    a, b, c, other = ITEMS
    assert list(table) == [
        RankingTask("u0", (), (a, b, c), "b", 1),
        RankingTask("u1", (c, c), (other,), "a", None),
    ]


def test_matrices_are_tasks():
    a, b, c, other = ITEMS
    assert list(TaskTable.from_arrays(**matrices())) == [
        RankingTask("u0", (c,), (a, b), "b", 1, (0.5, np.inf), "films", {"b": 2.0, "c": 0.5}, (True, False)),
        RankingTask("u1", (b,), (c, other), "a", None, None, "", {"a": 1.0, "b": 0.0}, (True, True)),
    ]


def test_an_empty_relevance_row_means_the_target_alone():
    table = TaskTable.from_arrays(**arrays(relevant=[2, 1], relevant_offsets=[0, 2, 2]))
    assert [task.relevance for task in table] == [{"c": 1.0, "b": 1.0}, None]


@given(tasks=task_lists())
def test_the_arrays_of_any_table_make_the_same_table(tasks):
    """Except for what only a single task can say: a negative position, and a mask or scores for some of the tasks."""
    table = TaskTable.from_tasks(tasks)
    pool, n = table.pool, len(table.pool)
    items = pool.items(range(n))
    listless = [pool.ids[int(code)] for code in range(len(pool.ids)) if code not in set(pool.id_code.tolist())]
    items += tuple(Item(item_id, "never shown") for item_id in listless)
    code_of_id = {item.item_id: code for code, item in enumerate(items)}
    relevance = table.relevance
    rebuilt = TaskTable.from_arrays(
        item_ids=[item.item_id for item in items],
        item_texts=[item.text for item in items],
        query_ids=table.query_ids,
        candidates=table.candidates.values,
        candidate_offsets=table.candidates.offsets,
        target=np.array([code_of_id[task.target_id] for task in tasks], dtype=np.int32),
        target_position=np.maximum(table.target_position, -1),
        history=table.histories.values,
        history_offsets=table.histories.offsets,
        queries=table.queries,
        relevant=None if relevance is None else [code_of_id[pool.ids[c]] for c in relevance.ids.values.tolist()],
        relevant_offsets=None if relevance is None else relevance.ids.offsets,
        grades=None if relevance is None else relevance.grades,
        first_stage_scores=None if table.first_stage_scores is None else table.first_stage_scores.values,
    )
    for task, again in zip(tasks, rebuilt, strict=True):
        assert again.target_index == (
            None if task.target_index is None or task.target_index < 0 else task.target_index
        )
        for name in ("query_id", "query", "history", "candidates", "target_id", "first_stage_scores", "relevance"):
            assert getattr(again, name) == getattr(task, name), name


def test_arrays_of_the_right_dtype_are_not_copied_and_stay_writable_for_their_owner():
    given_arrays = {
        "candidates": np.arange(4, dtype=np.int32),
        "candidate_offsets": np.array([0, 3, 4]),
        "first_stage_scores": np.zeros(4, dtype=np.float32),
        "scored": np.ones(4, dtype=np.bool_),
    }
    table = TaskTable.from_arrays(**arrays(**given_arrays))
    assert table.first_stage_scores is not None
    assert table.scored is not None
    held = (
        table.candidates.values,
        table.candidates.offsets,
        table.first_stage_scores.values,
        table.scored.values,
    )
    for array, own in zip(held, given_arrays.values(), strict=True):
        assert np.shares_memory(array, own)
        assert not array.flags.writeable
        assert own.flags.writeable


def test_no_tasks_are_an_empty_table():
    nothing = np.zeros(0, dtype=np.int32)
    table = TaskTable.from_arrays(
        **arrays(query_ids=[], candidates=nothing, candidate_offsets=[0], target=nothing, target_position=nothing)
    )
    assert list(table) == []
    assert list(TaskTable.from_tasks([])) == []


@pytest.mark.parametrize(
    ("make", "changes", "shown"),
    [
        (arrays, {"item_texts": ["Alien"]}, "1 item_texts"),
        (arrays, {"item_ids": ["a", "b", "c", "b"], "item_texts": ["A", "B", "C", "B"]}, "1 and 3"),
        (arrays, {"item_ids": ["a", "b", 7, "d"]}, "7"),
        (arrays, {"item_texts": ["a", "b", None, "d"]}, "None"),
        (arrays, {"query_ids": ["u0"]}, "1 query_ids"),
        (arrays, {"query_ids": ["u0", 1]}, r"query_ids\[1\]"),
        (arrays, {"queries": ["films"]}, "1 queries"),
        (arrays, {"candidates": [0, 1, 2, 4]}, r"\[3\] is 4"),
        (arrays, {"candidates": [0, -1, 2, 3]}, r"\[1\] is -1"),
        (arrays, {"candidates": [0.0, 1.0, 2.0, 3.0]}, "float64"),
        (arrays, {"candidates": np.array([0, 1, 2, 2**63], dtype=np.uint64)}, str(2**63)),
        (arrays, {"candidates": [[0, 1], [2, 3]]}, r"\(2, 2\)"),
        (arrays, {"candidate_offsets": None}, r"\(4,\)"),
        (arrays, {"candidate_offsets": [0, 4, 4]}, "task 1 has 0"),
        (arrays, {"candidate_offsets": [0, 5, 4]}, "task 1 has -1"),
        (arrays, {"candidate_offsets": [1, 3, 4]}, "from 1"),
        (arrays, {"candidate_offsets": [0, 3, 5]}, "to 5"),
        (arrays, {"candidate_offsets": [0.0, 3.0, 4.0]}, "float64"),
        (arrays, {"candidate_offsets": []}, r"\(0,\)"),
        (arrays, {"target": [1]}, r"\(1,\)"),
        (arrays, {"target": [1, 4]}, r"\[1\] is 4"),
        (arrays, {"target_position": [1, -2]}, r"\[1\] is -2"),
        (arrays, {"target_position": [1, None]}, "object"),
        (arrays, {"history": [[0], [1], [2]]}, "3 rows"),
        (arrays, {"history": [0, 1], "history_offsets": [0, 3, 2]}, "task 1 has -1"),
        (arrays, {"grades": [1.0]}, "relevant"),
        (matrices, {"grades": [2.0, 0.5, 1.0]}, r"\(3,\)"),
        (matrices, {"grades": [2.0, 0.5, 1.0, -1.0]}, r"grades\[3\], of task 1, is -1"),
        (matrices, {"grades": [2.0, np.nan, 1.0, 0.0]}, "nan"),
        (matrices, {"grades": [2.0, 0.5, 0.0, 1.0]}, "task 1"),
        (matrices, {"relevant": [[1, 2], [3, 0]]}, "task 1 grades"),
        (matrices, {"first_stage_scores": [0.5, 1.0, 2.0]}, r"\(3,\)"),
        (matrices, {"first_stage_scores": [[0.5, 1.0], [np.nan, 1.0]]}, "1 of 2"),
        (matrices, {"first_stage_scores": [["a", "b"], ["c", "d"]]}, "<U1"),
        (matrices, {"scored": [[1, 0], [1, 1]]}, "int64"),
        (matrices, {"scored": [True]}, r"\(1,\)"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_value(make, changes, shown):
    TaskTable.from_arrays(**make())
    with pytest.raises(InvalidTaskError, match=shown):
        TaskTable.from_arrays(**make(**changes))


def test_wider_integers_are_brought_to_32_bits():
    table = TaskTable.from_arrays(**arrays(candidates=np.array([0, 1, 2, 3], dtype=np.uint64)))
    assert table.candidates.values.dtype == np.int32
    assert offsets_of(table.n_candidates).tolist() == [0, 3, 4]
