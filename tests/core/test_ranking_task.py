"""What one task may say, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.metrics import (
    NDCG,
    AveragePrecision,
    Hit,
    Precision,
    Recall,
    ReciprocalRank,
    target_standing,
    tied_with_target,
)
from rerank_guard.stats.skew import log_e_value_uneven

A, B = Item("a", "Alien"), Item("b", "Brazil")
TASK = RankingTask("u", (), (A, B), "a", 0)


def test_the_target_alone_is_relevant_unless_grades_are_given():
    assert TASK.relevance is None
    assert TASK.grades == {"a": 1.0}
    grades = {"a": 2.0, "b": 0.0, "not listed": 1.0}
    assert replace(TASK, relevance=grades).grades == grades


def test_one_candidate_is_a_list():
    assert RankingTask("u", (), (A,), "a", 0).n_candidates == 1


def test_a_task_has_a_hash_with_grades_too():
    graded = replace(TASK, relevance={"a": 2.0})
    assert hash(graded) == hash(replace(graded, relevance={"a": 2.0}))
    assert len({TASK, graded, replace(graded)}) == 2


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"candidates": ()}, "0 candidates"),
        ({"first_stage_scores": (1.0,)}, "1 first_stage_scores"),
        ({"scored": (True, True, False)}, "3 scored"),
        ({"relevance": {}}, "'a'"),
        ({"relevance": {"b": 1.0}}, "'a'"),
        ({"relevance": {"a": 0.0, "b": 1.0}}, "0.0"),
        ({"relevance": {"a": 1.0, "b": -1.0}}, "-1.0"),
        ({"relevance": {"a": float("nan")}}, "nan"),
        ({"relevance": {"a": np.inf}}, "inf"),
        ({"relevance": {"a": "high"}}, "high"),
        ({"relevance": {"a": 10**400}}, "1000"),
    ],
)
def test_what_is_no_task_is_refused(change, shown):
    with pytest.raises(InvalidTaskError, match=shown):
        replace(TASK, **change)


@pytest.mark.parametrize("grade", [1, 0.5, True, np.float32(2.0), np.int64(3)])
def test_any_real_number_is_a_grade(grade):
    assert replace(TASK, relevance={"a": grade}).grades["a"] == grade


def test_metrics_of_a_list_of_one_are_1_where_the_target_is_listed():
    standing = target_standing([np.array([0.3]), np.array([-2.0])], [0, None])
    for metric in (Hit(1), Recall(1), Precision(1), NDCG("binary"), ReciprocalRank(), AveragePrecision("m")):
        assert standing.values(metric).tolist() == [1.0, 0.0]
    assert tied_with_target([np.array([0.3]), np.array([1.0, 1.0])], [0, 1]).tolist() == [0.0, 1.0]


def test_one_position_cannot_be_used_unevenly():
    assert log_e_value_uneven(np.array([40])) == pytest.approx(0.0, abs=1e-12)
