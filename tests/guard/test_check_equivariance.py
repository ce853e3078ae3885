"""permutation_equivariant: scores that stay with the slots fail, scores that go with the items or nowhere pass."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.equivariance import check_permutation_equivariant
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.verdict import Status


def scored(users=96, n=20, *, item=1.0, slot=0.0, noise=0.3, seed=0):
    """Tasks, orders, and the scores before and after: item taste, slot prior and noise, of these sizes."""
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * users if isinstance(n, int) else n)
    orders, before, after = [], [], []
    prior = rng.normal(size=60)
    for task in tasks:
        n_candidates = task.n_candidates
        order = rng.permutation(n_candidates)
        taste = item * rng.normal(size=n_candidates)
        preference = slot * prior[:n_candidates]
        before.append(taste + preference + noise * rng.normal(size=n_candidates))
        after.append(taste[order] + preference + noise * rng.normal(size=n_candidates))
        orders.append(order)
    return tasks, orders, before, after


def judge(made, **further):
    tasks, orders, before, after = made
    return check_permutation_equivariant(before, after, orders, tasks, **further)


@pytest.mark.parametrize("n", [2, 5, 20, [2, 3, 20, 50] * 24])
@pytest.mark.parametrize(
    ("item", "slot", "noise"), [(1, 0, 0), (1, 0, 1), (1, 0.7, 0.3), (0, 0, 1), (0.3, 0, 1), (0, 0, 0)]
)
@pytest.mark.parametrize("seed", range(3))
def test_items_that_matter_most_or_nothing_at_all_pass(seed, item, slot, noise, n):
    prior = 0.0 if n == 2 else slot  # the prior of two slots alone may be large by chance
    verdict = judge(scored(n=n, item=item, slot=prior, noise=noise, seed=seed))
    assert verdict.status is Status.PASSED, verdict.measured


def test_an_equivariant_ranker_has_a_correlation_of_one_by_item():
    verdict = judge(scored(noise=0.0))
    assert verdict.measured["correlation_by_item"] == pytest.approx(1.0)
    assert verdict.measured["correlation_by_slot"] == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("as_given", [lambda row: row, letter_probabilities])
@pytest.mark.parametrize(("item", "slot"), [(0.0, 1.0), (0.3, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("n", [5, 20, 50])
def test_scores_that_stay_with_the_slots_are_a_position_prior(n, item, slot, as_given):
    tasks, orders, before, after = scored(n=n, item=item, slot=slot, seed=1)
    verdict = judge((tasks, orders, [as_given(row) for row in before], [as_given(row) for row in after]))
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert verdict.p_failed is not None
    assert verdict.p_failed <= 1e-6
    assert "by slot" in verdict.evidence[0]


def test_a_fixed_letter_wins_between_two():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [2] * 200)
    orders = [rng.permutation(2) for _ in tasks]
    rows = [np.array([1.0, 0.0])] * 200
    assert check_permutation_equivariant(rows, rows, orders, tasks).fault == "position-prior"


def test_orders_that_change_nothing_prove_nothing():
    tasks, _, before, _ = scored()
    orders = [np.arange(20)] * len(tasks)
    assert check_permutation_equivariant(before, before, orders, tasks).status is Status.PASSED


def test_one_user_repeated_counts_once():
    tasks, orders, before, after = scored(n=20, item=0.0, slot=1.0)
    verdict = judge(([tasks[0]] * 96, [orders[0]] * 96, [before[0]] * 96, [after[0]] * 96))
    assert verdict.n == 1
    assert verdict.status is Status.PASSED


def test_constant_and_broken_scores_are_left_to_others():
    tasks, orders, before, _ = scored()
    for value in (0.0, np.nan):
        rows = [np.full(len(row), value) for row in before]
        assert check_permutation_equivariant(rows, rows, orders, tasks).status is Status.PASSED


def test_errors():
    tasks, orders, before, after = scored(4, 5)
    with pytest.raises(InvalidTaskError, match="no order of its 5 slots"):
        check_permutation_equivariant(before, after, [np.zeros(5)] * 4, tasks)
    with pytest.raises(InvalidScoresError, match="3 orders"):
        check_permutation_equivariant(before, after, orders[:3], tasks)
    with pytest.raises(InvalidScoresError, match="reordered"):
        check_permutation_equivariant(before, after[:3], orders, tasks)
    with pytest.raises(RerankGuardError, match="alpha=2"):
        judge((tasks, orders, before, after), alpha=2)
    with pytest.raises(RerankGuardError, match="most=1"):
        judge((tasks, orders, before, after), most=1)
