"""scores_not_cached: rows kept under a query_id; whole runs are in `tests/trust/test_case_06_*`."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_task
from rerank_guard.checks.scoring.scores_not_cached import scores_not_cached
from rerank_guard.core.relisted import Relisted
from rerank_guard.core.verdict import Status

TASKS = [make_task(1, 6, user=user) for user in range(8)]


def rows(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=task.n_candidates) for task in TASKS]


def judge(n_cached, shift=None, **settings):
    """The first `n_cached` users get under their own id the row that they had; `shift` is how far the new row is away."""
    before, fresh = rows(0), rows(1)
    if shift is not None:
        fresh = [row + shift * np.ptp(row) * (np.arange(len(row)) == 0) for row in before]
    same = [*before[:n_cached], *fresh[n_cached:]]
    return scores_not_cached(before, Relisted(same, fresh, before), TASKS, **settings)


def test_scores_of_their_own_pass():
    assert judge(0).status is Status.PASSED


@pytest.mark.parametrize("n_cached", [1, 8])
def test_rows_kept_by_user_fail(n_cached):
    verdict = judge(n_cached)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "scores-cached")
    assert verdict.measured["cached_users"] == n_cached


def test_some_may_be_tolerated():
    assert judge(3, max_cached=2).status is Status.FAILED
    assert judge(3, max_cached=3).status is Status.PASSED


def test_a_difference_within_the_tolerance_shows_no_cache():
    assert judge(8, shift=0.01).status is Status.FAILED
    assert judge(8, shift=0.01, tolerance=0.05).status is Status.PASSED


def test_a_row_that_its_own_list_does_not_get_again_was_filled_in():
    before, fresh, own = rows(0), rows(1), rows(2)
    assert scores_not_cached(before, Relisted(before, fresh, own), TASKS).status is Status.PASSED


def test_dropout_that_was_left_on_does_not_hide_a_cache():
    before, fresh, noise = rows(0), rows(1), rows(2)
    own = [row + 0.2 * other for row, other in zip(before, noise, strict=True)]
    assert scores_not_cached(before, Relisted(before, fresh, own), TASKS).status is Status.FAILED


def test_one_row_for_several_users_was_filled_in():
    before, fresh = rows(0), rows(1)
    shared = [before[0]] * len(before)
    assert scores_not_cached(shared, Relisted(shared, fresh, shared), TASKS).status is Status.PASSED
