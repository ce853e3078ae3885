"""One scoring pass serves all checks: what the whole suite asks of a reranker, counted prompt by prompt."""

from __future__ import annotations

from collections import Counter
from functools import wraps

import pytest
from fake_data import N_TASKS
from fake_healthy import trained

from rerank_guard.faults import Wrapped
from rerank_guard.suite import check_reranker
from rerank_guard.suite.inputs.rescored import PERMUTED, PROBED

SCORED = ("score", "score_synthetic", "predict_proba", "score_reloaded", "score_without_adapter")
ASKED_ONCE = (
    "train",
    "train_one_batch",
    "letter_table",
    "training_tasks",
    "parameter_changes",
    "reported_metrics",
)
ASKED_TWICE = ("tasks",)
"""Whether they are the same at every call is a check's question."""

REPEATED_ON_PURPOSE = 2
"""The same few tasks in two equal calls, to see whether the scores differ at all."""


RELISTED = 8
"""Lists in another order, to see whether scores are kept by user."""


def counted(target, calls):
    """Notes each call of a method, with what a task's prompt is made of."""

    def noting(name, method):
        @wraps(method)
        def call(*given, **named):
            tasks = given[0] if name in SCORED else ()
            calls.append((name, tuple((task.history, task.candidates) for task in tasks)))
            return method(*given, **named)

        return call

    return Wrapped(
        target, **{name: noting(name, getattr(target, name)) for name in SCORED + ASKED_ONCE + ASKED_TWICE}
    )


@pytest.fixture(scope="module")
def calls():
    noted = []
    assert check_reranker(counted(trained(), noted)).ok
    return noted


def test_no_call_is_made_twice_but_the_one_that_has_to_be(calls):
    repeated = {call: count for call, count in Counter(calls).items() if count > 1}
    assert {(name, len(tasks)): count for (name, tasks), count in repeated.items()} == {
        ("tasks", 0): 2,
        ("score", PROBED): REPEATED_ON_PURPOSE,
        ("score", RELISTED): 2,  # another list, under the user's own id and under a new one
    }


def test_what_has_no_tasks_is_asked_once(calls):
    counts = Counter(name for name, _ in calls)
    assert {name: counts[name] for name in ASKED_ONCE} == dict.fromkeys(ASKED_ONCE, 1)
    assert {name: counts[name] for name in ASKED_TWICE} == dict.fromkeys(ASKED_TWICE, 2)


def test_the_held_out_tasks_are_scored_once_and_all_else_is_a_few(calls):
    """Every user costs one prompt for its scores, one for the history-blind baseline, and none besides."""
    prompts = Counter()
    for name, tasks in calls:
        prompts[name] += len(tasks)
    different_n = 1
    assert prompts["score"] == N_TASKS + REPEATED_ON_PURPOSE * PROBED + PROBED + 3 * RELISTED
    assert prompts["score_synthetic"] == N_TASKS + min(PERMUTED, N_TASKS) + different_n
    assert prompts["score_reloaded"] == prompts["score_without_adapter"] == PROBED
    assert prompts["predict_proba"] == N_TASKS
