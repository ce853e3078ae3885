"""Only score() is broken: prompts, reload, probabilities and reported figures stay as they are, and disagree with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.core.training_change import TrainingChange
from rerank_guard.faults import TrainedOnce, Wrapped
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import check_reranker


@pytest.fixture(scope="module")
def healthy():
    return TrainedOnce(make_healthy(seed=0))


def asked(healthy, change: Callable):
    """Scores of other prompts than those that are shown."""

    def broken(rows, tasks):
        return healthy.score_synthetic(
            [change(replace(task, query_id=f"{task.query_id}, other")) for task in tasks]
        )

    return broken


def rows_of(function):
    return lambda healthy: lambda rows, tasks: function(rows)


def early(healthy):
    """The scores of the same job, ended after 60 steps."""
    target = healthy.rebuilt(TrainingChange(steps=60))
    target.train(lambda *_: None)
    return lambda rows, tasks: target.score(tasks)


ORDER = np.random.default_rng(0).permutation(20)

BROKEN = {
    "sign flipped": ("reversed", rows_of(lambda rows: [-row for row in rows])),
    "one position on": ("label-offset", rows_of(lambda rows: [np.roll(row, 1) for row in rows])),
    "one user on": ("rows-misaligned", rows_of(lambda rows: rows[1:] + rows[:1])),
    "positions mixed": ("letter-candidate-mismatch", rows_of(lambda rows: [row[ORDER] for row in rows])),
    "the last eight filled in": (
        "silent-fallback",
        rows_of(lambda rows: [np.where(np.arange(20) >= 12, row.min() - 1.0, row) for row in rows]),
    ),
    "ranks, 1 the best": (
        "reversed",
        rows_of(lambda rows: [np.argsort(np.argsort(-row)) + 1.0 for row in rows]),
    ),
    "no history": ("history-ignored", lambda healthy: asked(healthy, lambda task: replace(task, history=()))),
    "two of the history": (
        "prompt-skew",
        lambda healthy: asked(healthy, lambda task: replace(task, history=task.history[-2:])),
    ),
    "candidates reversed": (
        "letter-candidate-mismatch",
        lambda healthy: asked(
            healthy, lambda task: replace(task, candidates=task.candidates[::-1], target_index=None)
        ),
    ),
    "noise by task": (
        "scores-not-from-model",
        lambda healthy: (
            lambda rows, tasks: [
                row + np.random.default_rng(sum(task.query_id.encode())).normal(scale=3.0, size=20)
                for row, task in zip(rows, tasks, strict=True)
            ]
        ),
    ),
    "divided by the title's length": (
        "scores-not-from-model",
        lambda healthy: (
            lambda rows, tasks: [
                row / [len(item.text) for item in task.candidates] for row, task in zip(rows, tasks, strict=True)
            ]
        ),
    ),
    "of an early step": ("scores-not-from-model", lambda healthy: early(healthy)),
    "kept by a key that several users share": (
        "rows-misaligned",
        rows_of(lambda rows: [rows[user - user % 4] for user in range(len(rows))]),
    ),
    "some not a number": (
        "silent-nan",
        rows_of(lambda rows: [np.where(np.arange(20) == i % 40, np.nan, row) for i, row in enumerate(rows)]),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_named_for_what_score_does(healthy, name):
    fault, make_broken = BROKEN[name]
    broken = make_broken(healthy)
    report = check_reranker(Wrapped(healthy, score=lambda tasks: broken(list(healthy.score(tasks)), tasks)))
    assert report.diagnosis is not None
    assert report.diagnosis.fault == fault, report.diagnosis


def test_probabilities_of_the_next_user_are_seen(healthy):
    def predict_proba(tasks):
        rows = list(healthy.predict_proba(tasks))
        return rows[1:] + rows[:1]

    report = check_reranker(Wrapped(healthy, predict_proba=predict_proba))
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "rows-misaligned"
