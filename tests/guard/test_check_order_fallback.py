"""no_order_fallback: appended candidates are found, and a preference for slots, ties or zeros are not accused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from guard.builders import make_task, noisy_scores, random_tasks
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.checks.order_fallback import _log_e_tails, _strict_tail, check_no_order_fallback
from rerank_guard.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.verdict import Status


def sound(users=200, n=50, *, signal=2.0, seed=0):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * users if isinstance(n, int) else n)
    return tasks, noisy_scores(tasks, rng, signal)


def top_then(row, keep, tail):
    """The best `keep` as they are; the others get tail(lowest kept, 0, 1, ...) in slot order."""
    order = np.argsort(-row)
    scores = row.copy()
    lost = np.sort(order[keep:])
    scores[lost] = tail(row[order[:keep]].min(), np.arange(len(lost), dtype=float))
    return scores


TAILS = {
    "epsilon steps": lambda low, j: low - 1e-6 * (j + 1),
    "unit steps": lambda low, j: low - 1.0 - j,
    "halves": lambda low, j: low - 1.0 - np.cumsum(2.0 ** -np.minimum(j, 40)),
    "uneven steps": lambda low, j: low - np.cumsum(0.1 + np.random.default_rng(len(j)).random(len(j))),
    "-100": lambda low, j: np.full(len(j), -100.0),
    "-inf": lambda low, j: np.full(len(j), -np.inf),
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize(("n", "keep"), [(50, 30), (20, 12), (20, 4), (50, 42)])
def test_candidates_appended_in_input_order_are_found(n, keep, tail):
    tasks, scores = sound(200, n)
    verdict = check_no_order_fallback([top_then(row, keep, tail) for row in scores], tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "silent-fallback"
    assert verdict.evidence
    assert verdict.next_step


@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("tail", [TAILS["epsilon steps"], TAILS["uneven steps"], TAILS["-inf"]])
def test_appended_for_some_users_only_is_found(tail, share):
    rng = np.random.default_rng(5)
    tasks, scores = sound(200, 50)
    scores = [top_then(row, 30, tail) if rng.random() < share else row for row in scores]
    assert check_no_order_fallback(scores, tasks).fault == "silent-fallback"


@pytest.mark.parametrize(
    "as_given", [lambda row: row, letter_probabilities], ids=["log-probabilities", "probabilities"]
)
def test_a_constant_under_the_top_30_is_found(as_given):
    tasks, scores = sound()
    rows = []
    for row in scores:
        logs = np.log(letter_probabilities(row))
        rows.append(top_then(logs, 30, lambda low, j: np.full(len(j), low - 0.5)))
    verdict = check_no_order_fallback([as_given(row) for row in rows], tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.p_failed is None


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize("rank", [lambda j: -j, lambda j: 1.0 / (1.0 + j), lambda j: np.exp(-0.3 * j)])
def test_a_whole_ranking_in_input_order_is_found(rank, share):
    rng = np.random.default_rng(5)
    tasks, scores = sound(200, 20)
    scores = [rank(np.arange(20.0)) if rng.random() < share else row for row in scores]
    verdict = check_no_order_fallback(scores, tasks)
    assert verdict.fault == "silent-fallback"
    assert "input order" in verdict.cause


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 20, 50, [2, 5, 9, 30] * 50])
@pytest.mark.parametrize("signal", [0.0, 2.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_exchangeable_scores_pass(seed, signal, n):
    tasks, scores = sound(200, n, signal=signal, seed=seed)
    assert check_no_order_fallback(scores, tasks).status is Status.PASSED


@pytest.mark.parametrize(
    "as_given", [lambda r: r, lambda r: np.round(2 * r) / 2, lambda r: np.argsort(np.argsort(r)) * 1.0]
)
@pytest.mark.parametrize("slope", [0.05, 0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [5, 20, 50])
def test_a_preference_for_early_slots_is_no_fallback(n, slope, as_given):
    tasks, scores = sound(200, n)
    scores = [as_given(row - slope * np.arange(n)) for row in scores]
    assert check_no_order_fallback(scores, tasks).status is Status.PASSED


@pytest.mark.parametrize("seed", range(40))
def test_a_letter_prior_is_no_fallback(seed):
    rng = np.random.default_rng(seed)
    tasks, scores = sound(100, 20, seed=seed)
    prior = rng.normal(scale=5.0, size=20)
    prior[-8:] = np.sort(prior[-8:])[::-1] - 10.0  # the last letters are the least likely, in the alphabet's order
    scores = [prior + 0.2 * row for row in scores]
    assert check_no_order_fallback(scores, tasks).status is Status.PASSED


@pytest.mark.parametrize("prior", [[1.0, 0.0], [2.0, 1.0, 0.1], [2.0, 1.5, 0.2, 0.0]])
def test_few_slots_in_order_prove_nothing(prior):
    tasks = random_tasks(np.random.default_rng(0), [len(prior)] * 300)
    assert check_no_order_fallback([np.array(prior)] * 300, tasks).status is Status.PASSED


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
    "rising": lambda rng, n: np.arange(n, dtype=float),
}


@pytest.mark.parametrize("make", ODD_ROWS.values(), ids=ODD_ROWS)
@pytest.mark.parametrize("n", [2, 5, 20])
def test_odd_scores_are_not_accused(n, make):
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [n] * 200)
    assert check_no_order_fallback([make(rng, n) for _ in tasks], tasks).status is Status.PASSED


def test_a_single_user_passes():
    tasks, scores = sound(1, 20)
    assert check_no_order_fallback(scores, tasks).status is Status.PASSED


@pytest.mark.parametrize("n", [2, 8, 30])
def test_the_e_value_has_a_mean_of_at_most_one(n):
    runs = np.arange(1, n + 1)
    longer = np.array(
        [1.0 / math.factorial(run) for run in range(1, n + 1)]
    )  # P(tail >= run) under exchangeability
    probability = longer - np.append(longer[1:], 0.0)
    assert probability.sum() == pytest.approx(1.0)
    mean = float(probability @ [math.exp(_log_e_tails(np.array([run]))) for run in runs])
    assert 0.4 < mean <= 1.0 + 1e-9


@pytest.mark.parametrize(
    ("row", "tail"),
    [
        ([5, 4, 3.0], 3),
        ([1, 2, 3.0], 1),
        ([1, 9, 8, 0.5], 2),
        ([1, 1, 1.0], 1),
        ([2, 9, 1, 8], 2),
        ([np.nan, 1], 0),
    ],
)
def test_the_length_of_a_tail(row, tail):
    assert _strict_tail(np.array(row, dtype=float)) == tail


def test_errors():
    with pytest.raises(InvalidTaskError):
        check_no_order_fallback([], [])
    with pytest.raises(InvalidScoresError):
        check_no_order_fallback([np.zeros(3)], [make_task(0, 4)])


def log_probabilities(scores):
    return [row - row.max() - math.log(float(np.exp(row - row.max()).sum())) for row in scores]


@pytest.mark.parametrize("keep", [3, 5, 15])
def test_missing_log_probabilities_filled_in_with_0_are_found(keep):
    """`logprobs.get(letter, 0.0)`: what is not among the best few comes first, for 0 is the log of 1."""
    tasks, scores = sound(200, 20)
    given = [top_then(row, keep, lambda _, j: np.zeros(len(j))) for row in log_probabilities(scores)]
    verdict = check_no_order_fallback(given, tasks)
    assert verdict.fault == "silent-fallback"
    assert "0 was filled in" in verdict.cause
    assert verdict.measured["users_with_a_constant_head"] == 200
    assert check_no_order_fallback(log_probabilities(scores), tasks).status is Status.PASSED


def test_two_that_tie_at_the_top_are_no_fallback():
    tasks, scores = sound(200, 20)
    level = [np.where(row >= np.sort(row)[-2 - user % 7], row.max(), row) for user, row in enumerate(scores)]
    assert check_no_order_fallback(log_probabilities(level), tasks).status is Status.PASSED


@pytest.mark.parametrize("hit", [12, 30])
def test_a_deep_tail_of_some_users_is_found(hit):
    """The best 10 of 50 kept and -100 for the rest, where one batch in a dozen had no more."""
    tasks, scores = sound(200, 50)
    given = [top_then(row, 10, TAILS["-100"]) if user < hit else row for user, row in enumerate(scores)]
    verdict = check_no_order_fallback(given, tasks)
    assert verdict.fault == "silent-fallback"
    assert verdict.measured["users_with_a_constant_tail"] == hit


def test_a_lexical_rankers_zeros_are_no_deep_tail_of_some_users():
    """Two matches of much the same weight over zeros, for a part of the users; more matches for the others."""
    rng = np.random.default_rng(3)
    tasks, _ = sound(200, 50)
    given = []
    for user in range(200):
        row = np.zeros(50)
        low, width, matches = (5.0, 0.2, 2) if user < 30 else (1.0, 8.0, 6)
        row[rng.permutation(50)[:matches]] = low + width * rng.random(matches)
        given.append(row)
    assert check_no_order_fallback(given, tasks).status is Status.PASSED
