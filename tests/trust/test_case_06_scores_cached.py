"""Scores that are kept by user are named by one probe; caches of the whole list, and other odd scores, are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.scoring.scores_not_cached import scores_not_cached
from rerank_guard.core.relisted import Relisted
from rerank_guard.core.verdict import Status
from trust.judged_variants import judge, report_on, trained, verdicts


def cached(key, n=20, scale=1.0, users=None):
    """score() that keeps rows by key(task), for some users or all; and tasks() with lists of length n."""
    kept, listed = {}, [_cut(task, n) for task in trained().tasks()]
    chosen = {task.query_id for task in listed[:users]}

    def score(tasks):
        rows = []
        for task in tasks:
            if task.query_id not in chosen and users is not None:
                rows.append(trained().score([task])[0])
                continue
            if key(task) not in kept:
                kept[key(task)] = scale * trained().score([task])[0]
            rows.append(kept[key(task)])
        return rows

    return {"tasks": lambda: listed, "score": score, "score_synthetic": score, "cutoffs": (1,)}


def _cut(task, n):
    if n == task.n_candidates:
        return task
    others = [item for item in task.candidates if item.item_id != task.target_id][: n - 1]
    listed = (*others, *(item for item in task.candidates if item.item_id == task.target_id))
    return replace(task, candidates=listed, target_index=len(listed) - 1)


def by_user(task):
    return task.query_id


def by_user_and_target(task):
    return task.query_id, task.target_id


def by_user_and_items(task):
    return task.query_id, frozenset(task.candidate_ids)


@pytest.mark.parametrize(("n", "scale"), [(20, 1.0), (5, 1.0), (2, 1.0), (20, 1e-6), (20, 1e6)])
@pytest.mark.parametrize("key", [by_user, by_user_and_target, by_user_and_items])
def test_scores_kept_by_user_are_named(key, n, scale):
    verdict = judge("scores_not_cached", **cached(key, n, scale))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "scores-cached")
    assert verdict.measured["cached_users"] >= 1


def test_a_cache_of_one_user_is_named():
    verdict = judge("scores_not_cached", **cached(by_user, users=1))
    assert (verdict.fault, verdict.measured["cached_users"]) == ("scores-cached", 1)


def by_list(task):
    return task.candidate_ids, tuple(item.item_id for item in task.history)


def constant(tasks):
    return [np.zeros(task.n_candidates) for task in tasks]


def listed_order(tasks):
    return [-np.arange(task.n_candidates, dtype=float) for task in tasks]


def random(tasks, rng=np.random.default_rng(0)):  # noqa: B008
    return [rng.normal(size=task.n_candidates) for task in tasks]


def half_precision(tasks, rng=np.random.default_rng(0)):  # noqa: B008
    return [row + 1e-3 * rng.normal(size=len(row)) for row in trained().score(tasks)]


@pytest.mark.parametrize("key", [by_list, lambda task: (by_user(task), by_list(task))])
def test_a_cache_of_the_whole_list_passes(key):
    assert judge("scores_not_cached", **cached(key)).status is Status.PASSED


@pytest.mark.parametrize("score", [constant, listed_order, random, half_precision])
def test_scores_that_are_odd_in_another_way_are_no_cache(score):
    assert judge("scores_not_cached", score=score).status is Status.PASSED


def filled_in(row_of, every=2):
    """score() that fills in a row for every second user that is in tasks(), by the query_id."""
    known = {task.query_id: place for place, task in enumerate(trained().tasks())}

    def score(tasks):
        rows = trained().score(tasks)
        chosen = [task.query_id in known and known[task.query_id] % every == 0 for task in tasks]
        return [
            row_of(len(row), known[task.query_id]) if hit else row
            for task, row, hit in zip(tasks, rows, chosen, strict=True)
        ]

    return score


FILL_INS = {
    "zeros": lambda n, _: np.zeros(n),
    "another constant for each": lambda n, user: np.full(n, 0.1 * user),
    "the listed order": lambda n, _: 1.0 / (60.0 + np.arange(n)),
    "one row for all": lambda n, _: np.random.default_rng(0).normal(size=n),
    "random, by the user": lambda n, user: np.random.default_rng(user).normal(size=n),
    "a floor but for the first": lambda n, _: np.where(np.arange(n) == 0, 0.0, -100.0),
}


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("filled", FILL_INS)
def test_rows_that_are_filled_in_by_user_are_no_cache(filled, every):
    verdict = judge("scores_not_cached", score=filled_in(FILL_INS[filled], every))
    assert verdict.status in (Status.PASSED, Status.NOT_APPLICABLE)


@pytest.mark.parametrize("filled", ["zeros", "another constant for each"])
def test_constants_filled_in_for_some_users_are_a_silent_fallback(filled):
    report = report_on(score=filled_in(FILL_INS[filled], 4))
    assert verdicts(report)["scores_not_cached"].status is Status.PASSED
    assert report.diagnosis.fault == "silent-fallback"


def test_recorded_scores_that_refuse_other_lists_are_not_judged():
    recorded = dict(
        zip([task.query_id for task in trained().tasks()], trained().score(trained().tasks()), strict=True)
    )
    verdict = judge("scores_not_cached", score=lambda tasks: [recorded[task.query_id] for task in tasks])
    assert verdict.status is Status.NOT_APPLICABLE
    assert "KeyError" in verdict.cause


def test_minus_infinity_and_nan_are_compared_as_they_are():
    tasks = trained().tasks()[:2]
    rows = [np.where(np.arange(20) < 3, -np.inf, row) for row in trained().score(tasks)]
    moved = [np.roll(row, 1) for row in rows]
    assert scores_not_cached(rows, Relisted(rows, moved, rows), tasks).status is Status.FAILED
    assert scores_not_cached(rows, Relisted(moved, moved, rows), tasks).status is Status.PASSED


def test_a_cache_is_the_diagnosis_of_the_whole_run():
    report = report_on(**cached(by_user))
    assert verdicts(report)["scores_not_cached"].status is Status.FAILED
    assert report.diagnosis.fault == "scores-cached"
    assert not report.ok
