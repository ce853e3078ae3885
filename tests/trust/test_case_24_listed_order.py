"""Case 24: agreement with the first stage is no fallback, for any number of users; candidates that were not ranked are one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.scoring.no_order_fallback import no_order_fallback
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status, Verdict

Rows = list[FloatArray]


def agreeing(rng: np.random.Generator, lengths: list[int], correlation: float) -> tuple[Rows, Rows]:
    """Scores that correlate with those of the first stage, and these; the list is in the first stage's order."""
    first = [np.sort(rng.normal(size=n))[::-1] for n in lengths]
    noise = np.sqrt(1.0 - correlation**2)
    return [correlation * row + noise * rng.normal(size=len(row)) for row in first], first


def naming(rng: np.random.Generator, n: int, named: int) -> FloatArray:
    """A listwise answer that puts some candidates first and leaves the others as they were listed."""
    chosen = rng.permutation(n)[:named]
    order = np.concatenate([chosen, np.setdiff1d(np.arange(n), chosen)])
    row = np.empty(n)
    row[order] = -np.arange(n, dtype=float)
    return row


def judged(rng: np.random.Generator, rows: Rows, first: Rows | None = None) -> Verdict:
    tasks: list[RankingTask] = random_tasks(rng, [len(row) for row in rows])
    if first is not None:
        tasks = [
            replace(task, first_stage_scores=tuple(row.tolist())) for task, row in zip(tasks, first, strict=True)
        ]
    return no_order_fallback(rows, tasks)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("correlation", [0.6, 0.75, 0.9, 0.97])
@pytest.mark.parametrize(("n", "users"), [(10, 1000), (20, 300), (20, 1500), (5, 2000), (50, 120)])
def test_agreement_with_the_first_stage_passes(n: int, users: int, correlation: float, told: bool) -> None:
    for seed in range(3):
        rng = np.random.default_rng([n, users, seed])
        rows, first = agreeing(rng, [n] * users, correlation)
        assert judged(rng, rows, first if told else None).status is Status.PASSED


@pytest.mark.parametrize("seed", range(3))
def test_agreement_that_differs_between_users_passes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [agreeing(rng, [20], correlation) for correlation in np.sqrt(rng.beta(2, 1, size=600))]
    assert judged(rng, [rows[0] for rows, _ in pairs]).status is Status.PASSED


@pytest.mark.parametrize(
    "scale",
    [
        lambda row: -np.argsort(np.argsort(-row)).astype(float),
        lambda row: 1.0 / (1.0 + np.exp(-3.0 * row)),
        lambda row: np.clip(np.round(5.0 + 2.5 * row), 0.0, 10.0),
        lambda row: 1e6 * row,
    ],
    ids=["ranks", "sigmoids", "grades", "large"],
)
def test_the_scale_of_an_agreeing_reranker_does_not_matter(scale: Callable[[FloatArray], FloatArray]) -> None:
    rng = np.random.default_rng(0)
    rows, first = agreeing(rng, [20] * 400, 0.9)
    assert judged(rng, [scale(row) for row in rows], first).status is Status.PASSED


def test_ragged_lists_of_an_agreeing_reranker_pass() -> None:
    rng = np.random.default_rng(0)
    rows, first = agreeing(rng, list(range(1, 31)) * 30, 0.9)
    assert judged(rng, rows, first).status is Status.PASSED


@pytest.mark.parametrize(
    "named",
    [
        lambda rng: 1,
        lambda rng: 3,
        lambda rng: int(rng.integers(1, 6)),
        lambda rng: 1 + int(rng.poisson(2)),
    ],
    ids=["one", "three", "one to five", "Poisson"],
)
@pytest.mark.parametrize("n", [10, 20, 50])
def test_an_answer_that_leaves_the_irrelevant_as_listed_passes(
    named: Callable[[np.random.Generator], int], n: int
) -> None:
    rng = np.random.default_rng(n)
    assert judged(rng, [naming(rng, n, named(rng)) for _ in range(300)]).status is Status.PASSED


@pytest.mark.parametrize(("n", "start"), [(20, 15), (20, 18), (50, 20), (10, 7)])
@pytest.mark.parametrize("hit", [1.0, 0.05])
def test_the_first_stages_own_scores_are_named(n: int, start: int, hit: float) -> None:
    """Some positions were never scored and keep what the retriever gave, bit by bit."""
    rng = np.random.default_rng(start)
    rows, first = agreeing(rng, [n] * 400, 0.5)
    for row, given in zip(rows, first, strict=True):
        if rng.random() < hit:
            row[start:] = given[start:]
    verdict = judged(rng, rows, first)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert verdict.measured["users_with_first_stage_scores"] > 0


@pytest.mark.parametrize(("n", "letters"), [(30, 26), (50, 26), (20, 10), (12, 9)])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_positions_that_can_never_be_named_are_found(n: int, letters: int, correlation: float) -> None:
    rng = np.random.default_rng(n)
    rows, first = agreeing(rng, [n] * 300, correlation)
    for row in rows:
        row[letters:] = row.min() - np.cumsum(0.1 + rng.random(n - letters))
    for given in (first, None):
        verdict = judged(rng, rows, given)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")


@pytest.mark.parametrize(("n", "users", "broken"), [(20, 400, 20), (20, 400, 80), (10, 1000, 50), (50, 200, 10)])
def test_an_unreadable_answer_that_became_the_input_order_is_found(n: int, users: int, broken: int) -> None:
    rng = np.random.default_rng(n)
    rows, _ = agreeing(rng, [n] * users, 0.3)
    for row in rows[:broken]:
        row[:] = np.sort(row)[::-1]
    verdict = judged(rng, rows)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")


@pytest.mark.parametrize("keep", [10, 20, 30])
def test_the_rest_behind_one_rank_is_found(keep: int) -> None:
    rng = np.random.default_rng(keep)
    rows = [rng.normal(size=50) for _ in range(200)]
    for row in rows:
        lost = np.sort(np.argsort(-row)[keep:])
        row[lost] = row.min() - np.cumsum(0.1 + rng.random(len(lost)))
    assert judged(rng, rows).fault == "silent-fallback"
