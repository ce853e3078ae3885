"""list_lengths_match: held-out lists of other lengths than the training lists, and lists that may differ a little."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import LETTERS, random_tasks
from rerank_guard.checks.data.list_lengths_match import list_lengths_match
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.finding import Affected
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import LetterTable, LetterToken
from rerank_guard.core.verdict import Status

TABLE = LetterTable(tuple(LetterToken(letter, (index,), index) for index, letter in enumerate(LETTERS)))


def judged(test: list[int], train: list[int], **settings: float):
    rng = np.random.default_rng(0)
    tasks, training = (TaskTable.of(random_tasks(rng, lengths)) for lengths in (test, train))
    return list_lengths_match(tasks, training, TABLE, **settings)


@pytest.mark.parametrize(
    ("test", "train"),
    [
        (list(range(30, 51)) * 10, [50] * 200),
        ([50] * 100, [20] * 300),
        ([20] * 100, [50] * 300),
        ([19] * 50, [20] * 50),
        ([20] * 40 + [30] * 60, [20] * 100),
        (list(range(5, 31)) * 5, list(range(20, 31)) * 10),
    ],
)
def test_lists_of_lengths_that_training_never_has_fail(test, train):
    verdict = judged(test, train)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "train-test-mismatch")
    outside = sum(not min(train) <= n <= max(train) for n in test)
    assert verdict.affected == Affected(outside, len(test))
    assert verdict.measured["share_outside"] == outside / len(test)
    assert "query 'user-" in verdict.evidence[0]


@pytest.mark.parametrize(
    ("test", "train"),
    [
        ([20] * 100, [20] * 100),
        (list(range(1, 21)) * 10, list(range(1, 21)) * 30),
        (list(range(30, 51)) * 10, list(range(30, 51)) * 50),
        ([20] * 80 + [19] * 20, [20] * 300),
        ([50] * 100, list(range(20, 51)) * 10),
        ([25] * 40, [20, 30] * 100),
    ],
)
def test_lists_within_the_trained_lengths_pass(test, train):
    verdict = judged(test, train)
    assert verdict.status is Status.PASSED
    assert verdict.suspects == ()


def test_the_share_is_a_setting():
    test, train = [20] * 80 + [30] * 20, [20] * 100
    assert judged(test, train, max_outside=0.2).status is Status.PASSED
    assert judged(test, train, max_outside=0.19).status is Status.FAILED


def test_errors():
    with pytest.raises(InvalidTaskError):
        judged([], [20])
    with pytest.raises(InvalidTaskError):
        judged([20], [])
    with pytest.raises(SettingError):
        judged([20], [20], max_outside=1.0)
