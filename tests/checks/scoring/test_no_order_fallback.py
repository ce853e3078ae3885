"""no_order_fallback: appended candidates are found, and a preference for positions, ties or zeros are not taken for one."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from guard.builders import make_task, noisy_scores, random_tasks
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.no_order_fallback import no_order_fallback
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.verdict import Status


@cache
def healthy(n_tasks=200, n=50, *, signal=2.0, seed=0):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * n_tasks if isinstance(n, int) else n)
    return tasks, noisy_scores(tasks, rng, signal)


def top_then(row, keep, tail):
    """The best `keep` as they are; the others get tail(lowest kept, 0, 1, ...) in the order of the list."""
    order = np.argsort(-row)
    scores = row.copy()
    lost = np.sort(order[keep:])
    scores[lost] = tail(row[order[:keep]].min(), np.arange(len(lost), dtype=float))
    return scores


def log_probabilities(scores):
    return [row - row.max() - math.log(float(np.exp(row - row.max()).sum())) for row in scores]


TAILS = {
    "epsilon steps": lambda low, j: low - 1e-6 * (j + 1),
    "unit steps": lambda low, j: low - 1.0 - j,
    "halves": lambda low, j: low - 1.0 - np.cumsum(2.0 ** -np.minimum(j, 40)),
    "uneven steps": lambda low, j: low - np.cumsum(0.1 + np.random.default_rng(len(j)).random(len(j))),
    "-100": lambda low, j: np.full(len(j), -100.0),
    "-inf": lambda low, j: np.full(len(j), -np.inf),
}
STATISTICAL = {"epsilon steps", "unit steps", "halves", "uneven steps"}


@pytest.mark.parametrize(
    ("tail", "n", "keep"),
    [*((tail, 50, 30) for tail in TAILS), ("uneven steps", 20, 12), ("epsilon steps", 20, 4), ("-100", 50, 42)],
)
def test_candidates_appended_in_input_order_are_found(tail, n, keep):
    tasks, scores = healthy(200, n)
    verdict = no_order_fallback([top_then(row, keep, TAILS[tail]) for row in scores], tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "silent-fallback"
    assert "'user-0'" in verdict.evidence[0]
    assert verdict.suspects[0].strength is (Strength.MEASURED if tail in STATISTICAL else Strength.SEEN)
    assert (verdict.p_failed is not None) is (tail in STATISTICAL)
    assert verdict.affected == Affected(200, 200)


@pytest.mark.parametrize("tail", ["epsilon steps", "uneven steps", "-inf"])
def test_appended_for_a_twentieth_of_the_tasks_is_found(tail):
    tasks, scores = healthy(200, 50)
    scores = [top_then(row, 30, TAILS[tail]) if task < 10 else row for task, row in enumerate(scores)]
    verdict = no_order_fallback(scores, tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.affected.n == 10


def test_the_figures_count_the_tails():
    scores = [np.array([9.0, 8, 7, 6, 5, 4]), np.array([0.0, 9, 8, 7, 6, 5, 4]), np.array([1.0, 2])]
    measured = no_order_fallback(scores, [make_task(0, len(row), user=u) for u, row in enumerate(scores)]).measured
    assert measured["longest_tail_in_position_order"] == 6
    assert measured["users_with_a_long_tail"] == 1
    assert measured["users_wholly_in_position_order"] == 1


def test_one_missing_score_is_enough():
    tasks, scores = healthy(50, 20)
    scores = [row.copy() for row in scores]
    scores[7][3] = -np.inf
    verdict = no_order_fallback(scores, tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.measured["users_with_missing_scores"] == 1
    assert (verdict.threshold["users_with_missing_scores"], verdict.signs["users_with_missing_scores"]) == (0, "<=")
    assert "'user-7'" in verdict.evidence[0]


@pytest.mark.parametrize(
    "as_given", [lambda row: row, letter_probabilities], ids=["log-probabilities", "probabilities"]
)
def test_a_constant_under_the_top_30_is_found(as_given):
    tasks, scores = healthy()
    rows = [top_then(row, 30, lambda low, j: np.full(len(j), low - 0.5)) for row in log_probabilities(scores)]
    verdict = no_order_fallback([as_given(row) for row in rows], tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.p_failed is None
    assert verdict.measured["users_with_a_constant_tail"] == 200


@pytest.mark.parametrize("n_tasks", [9, 10])
def test_a_constant_tail_takes_ten_tasks(n_tasks):
    tasks, scores = healthy(n_tasks)
    rows = [top_then(row, 30, lambda low, j: np.full(len(j), low - 0.5)) for row in log_probabilities(scores)]
    assert no_order_fallback(rows, tasks).status is (Status.PASSED if n_tasks < 10 else Status.FAILED)


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize("rank", [lambda j: -j, lambda j: 1.0 / (1.0 + j), lambda j: np.exp(-0.3 * j)])
def test_a_whole_ranking_in_input_order_is_found(rank, share):
    tasks, scores = healthy(200, 20)
    scores = [rank(np.arange(20.0)) if task < 200 * share else row for task, row in enumerate(scores)]
    verdict = no_order_fallback(scores, tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.measured["users_wholly_in_position_order"] == 200 * share


@pytest.mark.parametrize(
    ("n", "signal"), [(2, 2.0), (5, 2.0), (20, 0.0), (20, 2.0), (20, 20.0), ((2, 5, 9, 30) * 50, 2.0)]
)
def test_exchangeable_scores_pass(n, signal):
    tasks, scores = healthy(200, n, signal=signal)
    verdict = no_order_fallback(scores, tasks)
    assert (verdict.status, verdict.suspects, verdict.affected) == (Status.PASSED, (), Affected(0, 200))


AS_IS, COARSE, RANKS = lambda r: r, lambda r: np.round(2 * r) / 2, lambda r: np.argsort(np.argsort(r)) * 1.0


@pytest.mark.parametrize(
    ("n", "slope", "as_given"),
    [
        *((20, slope, AS_IS) for slope in (0.05, 0.2, 0.5, 1.0, 2.0)),
        (5, 1.0, AS_IS),
        (50, 1.0, AS_IS),
        (20, 1.0, COARSE),
        (20, 1.0, RANKS),
    ],
)
def test_a_preference_for_early_positions_is_no_fallback(n, slope, as_given):
    tasks, scores = healthy(200, n)
    scores = [as_given(row - slope * np.arange(n)) for row in scores]
    assert no_order_fallback(scores, tasks).status is Status.PASSED


def test_what_is_in_order_beyond_doubt_may_pass_as_a_preference():
    tasks, scores = healthy(200, 20)
    verdict = no_order_fallback([row - np.arange(20) for row in scores], tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["log10_e_value"] > verdict.threshold["log10_e_value"]
    assert "log10_e_value" not in verdict.signs


@pytest.mark.parametrize("seed", [0, 1])
def test_a_letter_prior_is_no_fallback(seed):
    rng = np.random.default_rng(seed)
    tasks, scores = healthy(100, 20, seed=seed)
    prior = rng.normal(scale=5.0, size=20)
    prior[-8:] = np.sort(prior[-8:])[::-1] - 10.0  # the last letters are the least likely, in the alphabet's order
    assert no_order_fallback([prior + 0.2 * row for row in scores], tasks).status is Status.PASSED


@pytest.mark.parametrize("prior", [[1.0, 0.0], [2.0, 1.0, 0.1], [2.0, 1.5, 0.2, 0.0]])
def test_few_positions_in_order_prove_nothing(prior):
    tasks = random_tasks(np.random.default_rng(0), [len(prior)] * 300)
    assert no_order_fallback([np.array(prior)] * 300, tasks).status is Status.PASSED


def lexical(rng, n):
    row = np.zeros(n)
    row[rng.permutation(n)[: rng.integers(1, n)]] = 1.0
    return row * rng.random(n)


ODD_ROWS = {
    "constant": lambda rng, n: np.zeros(n),
    "zeros and ones": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "a lexical ranker's zeros": lexical,
    "zeros for always half": lambda rng, n: rng.permutation(np.r_[rng.random(n // 2) + 0.1, np.zeros(n - n // 2)]),
    "coarse": lambda rng, n: np.round(2 * rng.normal(size=n)) / 2,
    "one-hot": lambda rng, n: np.eye(n)[rng.integers(n)],
    "float16 probabilities": lambda rng, n: (
        letter_probabilities(8 * rng.normal(size=n)).astype(np.float16).astype(float)
    ),
    "ranks": lambda rng, n: rng.permutation(n).astype(float),
    "nan": lambda rng, n: np.full(n, np.nan),
    "inf": lambda rng, n: np.where(np.arange(n) == rng.integers(n), np.inf, rng.normal(size=n)),
    "rising": lambda rng, n: np.arange(n, dtype=float),
}


@pytest.mark.parametrize(
    ("name", "n"), [*((name, 20) for name in ODD_ROWS), ("constant", 2), ("coarse", 5), ("nan", 2)]
)
def test_odd_scores_are_no_fallback(name, n):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [n] * 200)
    assert no_order_fallback([ODD_ROWS[name](rng, n) for _ in tasks], tasks).status is Status.PASSED


def test_a_single_task_passes():
    tasks, scores = healthy(1, 20)
    assert no_order_fallback(scores, tasks).status is Status.PASSED


@pytest.mark.parametrize("keep", [3, 15])
def test_missing_log_probabilities_filled_in_with_0_are_found(keep):
    """`logprobs.get(letter, 0.0)`: what is not among the best few comes first, for 0 is the log of 1."""
    tasks, scores = healthy(200, 20)
    given = [top_then(row, keep, lambda _, j: np.zeros(len(j))) for row in log_probabilities(scores)]
    verdict = no_order_fallback(given, tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.measured["users_with_a_constant_head"] == 200
    assert no_order_fallback(log_probabilities(scores), tasks).status is Status.PASSED


def test_two_that_tie_at_the_top_are_no_fallback():
    tasks, scores = healthy(200, 20)
    level = [np.where(row >= np.sort(row)[-2 - task % 7], row.max(), row) for task, row in enumerate(scores)]
    assert no_order_fallback(log_probabilities(level), tasks).status is Status.PASSED


@pytest.mark.parametrize(("hit", "found"), [(9, 0), (10, 10), (30, 30)])
def test_a_deep_tail_of_some_tasks_is_found(hit, found):
    """The best 10 of 50 kept and -100 for the rest, where one batch in a dozen had no more."""
    tasks, scores = healthy(200, 50)
    given = [top_then(row, 10, TAILS["-100"]) if task < hit else row for task, row in enumerate(scores)]
    verdict = no_order_fallback(given, tasks)
    assert verdict.status is (Status.FAILED if found else Status.PASSED)
    assert verdict.measured["users_with_a_constant_tail"] == found


def test_a_lexical_rankers_zeros_are_no_deep_tail_of_some_tasks():
    """Two matches of much the same weight over zeros, for a part of the tasks; more matches for the others."""
    rng = np.random.default_rng(3)
    tasks, _ = healthy(200, 50)
    given = []
    for task in range(200):
        row = np.zeros(50)
        low, width, matches = (5.0, 0.2, 2) if task < 30 else (1.0, 8.0, 6)
        row[rng.permutation(50)[:matches]] = low + width * rng.random(matches)
        given.append(row)
    assert no_order_fallback(given, tasks).status is Status.PASSED


def test_the_level_decides_how_much_evidence_is_enough():
    tasks, scores = healthy(600, 8)
    scores = [np.sort(row)[::-1] if task < 6 else row for task, row in enumerate(scores)]
    undecided = no_order_fallback(scores, tasks)
    assert undecided.status is Status.PASSED
    assert undecided.threshold["log10_e_value"] == pytest.approx(9.0)
    needed = 10.0 ** -undecided.measured["log10_e_value"]
    assert no_order_fallback(scores, tasks, alpha=1.01 * needed).status is Status.FAILED
    assert no_order_fallback(scores, tasks, alpha=0.99 * needed).status is Status.PASSED


def test_errors():
    with pytest.raises(InvalidTaskError):
        no_order_fallback([], [])
    with pytest.raises(InvalidScoresError):
        no_order_fallback([np.zeros(3)], [make_task(0, 4)])
    with pytest.raises(RerankGuardError, match="alpha=0"):
        no_order_fallback([np.zeros(4)], [make_task(0, 4)], alpha=0.0)
