"""Which hypothesis names a mismatch with the forward pass: how near, for how many tasks, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.letter_logits import lettered
from rerank_guard.checks.comparing.agreement import Agreement
from rerank_guard.checks.scoring._forward_comparison import Comparison, Observed, compare, what_they_are
from rerank_guard.checks.scoring._wrong_readings import Reading
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.scoring import REVERSED

N_TASKS = 20


def fit(apart, in_order=0.0):
    """Of tasks at this distance, of which a share is in the order of the logits."""
    one = np.ones(N_TASKS)
    discordant = np.where(np.arange(N_TASKS) < in_order * N_TASKS, 0.0, 0.4)
    return Agreement(apart * one, 10 * one, discordant, 0 * one, np.inf * one, 9 * one)


def seen(plain_fit, *fits, n_unmatched=N_TASKS):
    """A comparison of random scores, so that neither their shape nor a search names anything."""
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=6) for _ in range(N_TASKS)]
    plain = [rng.normal(scale=3.0, size=6) for _ in range(N_TASKS)]
    readings = [Reading(fault, fault.name, tuple(plain)) for fault in (REVERSED, LABEL_OFFSET)][: len(fits)]
    unmatched = np.arange(N_TASKS) < n_unmatched
    vocabulary = [rng.normal(size=50) for _ in range(N_TASKS)]
    return Observed(rows, lettered(6), list(range(6)), 0.05, 0.1), Comparison(
        vocabulary, plain, plain_fit, unmatched, np.zeros(N_TASKS, dtype=bool), readings, fits
    )


def named(*given, **settings):
    found = what_they_are(*seen(*given, **settings))
    return None if found is None else found.fault.name


@pytest.mark.parametrize(
    ("right", "other", "fault"),
    [
        (0.5, 0.049, "reversed"),
        (0.5, 0.051, "scores-not-from-model"),  # not within the tolerance
        (0.2, 0.039, "reversed"),
        (0.2, 0.041, "scores-not-from-model"),  # not five times nearer
    ],
)
def test_a_reading_has_to_be_within_the_tolerance_and_five_times_nearer(right, other, fault):
    assert named(fit(right), fit(other)) == fault


def test_the_nearest_reading_is_named():
    assert named(fit(0.5), fit(0.02), fit(0.01)) == "label-offset"
    assert named(fit(0.5), fit(0.01), fit(0.02)) == "reversed"


@pytest.mark.parametrize(("right", "fault"), [(0.051, "reversed"), (0.049, None)])
def test_matched_scores_are_another_readings_only_beyond_the_tolerance(right, fault):
    """The order of both is the same, so that the distance alone tells them apart."""
    assert named(fit(right), fit(0.001), n_unmatched=0) == fault


@pytest.mark.parametrize(("n_unmatched", "fault"), [(2, None), (3, "scores-not-from-model")])
def test_more_than_a_tenth_of_the_tasks_have_to_be_unmatched(n_unmatched, fault):
    assert named(fit(0.04), fit(0.9), n_unmatched=n_unmatched) == fault


def test_one_task_far_off_is_enough():
    observed, comparison = seen(fit(0.04), fit(0.9), n_unmatched=1)
    gross = replace(comparison, gross=np.arange(N_TASKS) == 0)
    assert what_they_are(observed, gross).fault.name == "scores-not-from-model"


@pytest.mark.parametrize(
    ("share", "n_unmatched", "fault"),
    [
        (0.9, 20, "reversed"),
        (0.85, 20, "scores-not-from-model"),
        (1.0, 6, "reversed"),  # 14 of 20 have the right order, and 30 % more this one
        (0.95, 6, "scores-not-from-model"),
    ],
)
def test_an_order_names_a_reading_that_nine_of_ten_and_many_more_tasks_have(share, n_unmatched, fault):
    assert named(fit(0.5), fit(0.4, in_order=share), n_unmatched=n_unmatched) == fault


def swapped_task(logits, scores):
    """Tasks far apart among 20, of which one has these scores and the others those of the forward pass."""
    vocabulary = [np.r_[np.array(logits, dtype=float), np.full(5, -9.0)]] * N_TASKS
    rows = [np.array(scores, dtype=float), *[np.array(logits, dtype=float)] * (N_TASKS - 1)]
    observed = Observed(rows, replace_ids(len(logits)), list(range(len(logits))), 0.05, 0.1)
    return int(compare(observed, vocabulary).gross.sum())


def replace_ids(n):
    table = lettered(n)
    return replace(
        table,
        letters=tuple(replace(token, token_ids=(i,), scored_token_id=i) for i, token in enumerate(table.letters)),
    )


@pytest.mark.parametrize(
    ("logits", "scores", "far"),
    [
        ([0.62, 0.0], [0.0, 0.62], 1),  # apart by 0.30
        ([0.40, 0.0], [0.0, 0.40], 0),  # apart by 0.20
        ([4, 2.5, 1, -0.5], [2.5, 4, 1, -0.5], 1),  # one of 6 clear pairs
        ([4, 2.5, 1, -0.5, -2], [2.5, 4, 1, -0.5, -2], 0),  # one of 10
    ],
)
def test_a_task_is_far_off_by_a_quarter_and_more_than_a_tenth_of_its_pairs(logits, scores, far):
    assert swapped_task(logits, scores) == far


def test_a_search_that_finds_one_token_twice_or_another_order_names_nothing():
    rng = np.random.default_rng(0)
    vocabulary = [rng.normal(scale=3.0, size=200) for _ in range(N_TASKS)]
    letters, ids = replace_ids(6), list(range(6))

    def judged(tokens, noise=0.0):
        rows = [row[list(tokens)] + noise * rng.normal(size=6) for row in vocabulary]
        observed = Observed(rows, letters, ids, 0.05, 0.1)
        return what_they_are(observed, compare(observed, vocabulary)).fault.name

    assert judged([50, 60, 70, 80, 90, 100]) == "wrong-letter-variant"
    assert judged([50, 60, 70, 80, 90, 90]) == "scores-not-from-model"
    assert judged([50, 60, 70, 80, 90, 100], noise=1.0) == "scores-not-from-model"
