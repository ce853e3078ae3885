"""Case 20: scores that are one function of the listed position in several users are filled in, whoever is served them."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from rerank_guard.checks.scoring.no_fill_in_values import no_fill_in_values
from rerank_guard.core.verdict import Status
from trust.judged_variants import report_on, trained, verdicts
from trust.test_case_32_fill_ins import of_own_texts

FUNCTIONS = {
    "1/(60 + rank)": lambda n: 1.0 / (60.0 + np.arange(n)),
    "N - rank": lambda n: float(n) - np.arange(n),
    "1/rank": lambda n: 1.0 / (1.0 + np.arange(n)),
    "-rank": lambda n: -np.arange(n, dtype=float),
    "exp(-rank)": lambda n: np.exp(-np.arange(n, dtype=float)),
    "rank, the wrong way round": lambda n: np.arange(n, dtype=float),
}


def some_by_user(function, every):
    """score() that answers every so many users by the position."""
    known = {task.query_id: place for place, task in enumerate(trained().tasks())}

    def score(tasks):
        rows = trained().score(tasks)
        hit = [known.get(task.query_id, 1) % every == 0 for task in tasks]
        return [function(len(row)) if made else row for row, made in zip(rows, hit, strict=True)]

    return score


def some_by_count(function, every):
    """score() that answers every so many prompts by the position, whoever they are of: an answer that cannot be read."""
    count = iter(range(10**9))

    def score(tasks):
        return [function(len(row)) if next(count) % every == 0 else row for row in trained().score(tasks)]

    return score


@pytest.mark.parametrize(
    ("function", "made", "every"),
    [("1/(60 + rank)", some_by_count, 3), ("1/(60 + rank)", some_by_user, 20), ("-rank", some_by_user, 6)],
)
def test_a_fallback_to_the_position_is_named(function, made, every):
    report = report_on(score=made(FUNCTIONS[function], every))
    assert report.diagnosis.fault == "silent-fallback"
    named = [verdict for verdict in report.verdicts if verdict.fault == "rows-misaligned"]
    assert not named
    assert verdicts(report)["no_fill_in_values"].measured["users_with_scores_of_the_position"] >= 6


def drawn(lengths, seed=0):
    rng = np.random.default_rng(seed)
    tasks = [of_own_texts(task) for task in random_tasks(rng, list(lengths))]
    return tasks, noisy_scores(tasks, rng, 2.0)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("lengths", [(20,) * 200, (5, 9, 20, 50) * 50, (4,) * 300, (50,) * 40])
@pytest.mark.parametrize("n_made", [1.0, 0.1])
def test_ragged_and_short_lists(function, lengths, n_made):
    tasks, scores = drawn(lengths)
    made = np.random.default_rng(1).random(len(tasks)) < n_made
    rows = [FUNCTIONS[function](len(row)) if hit else row for row, hit in zip(scores, made, strict=True)]
    verdict = no_fill_in_values(rows, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert verdict.measured["users_with_scores_of_the_position"] == made.sum()


def ranks(row):
    return 1.0 / (1.0 + np.argsort(np.argsort(-row)))


def mostly_as_listed(row):
    return np.sort(row)[::-1]


HEALTHY = {
    "ranks of a reranker": lambda rows: [ranks(row) for row in rows],
    "ranks that agree with the list in some": lambda rows: [
        ranks(mostly_as_listed(row) if user % 4 == 0 else row) for user, row in enumerate(rows)
    ],
    "scores that follow the list": lambda rows: [mostly_as_listed(row) for row in rows],
    "grades": lambda rows: [np.round(row) for row in rows],
    "half precision": lambda rows: [row.astype(np.float16).astype(float) for row in rows],
}


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("lengths", [(20,) * 200, (2,) * 400, (3, 4) * 200, (5, 9, 20) * 60])
def test_ranks_and_scores_of_a_model_are_none(kind, lengths):
    tasks, scores = drawn(lengths)
    verdict = no_fill_in_values(HEALTHY[kind](scores), tasks)
    assert verdict.measured.get("users_with_scores_of_the_position", 0) == 0


def test_two_rows_are_let_pass():
    tasks, scores = drawn((20,) * 100)
    rows = [FUNCTIONS["-rank"](20) if user < 2 else row for user, row in enumerate(scores)]
    assert no_fill_in_values(rows, tasks).status is Status.PASSED
