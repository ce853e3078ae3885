"""permutation_equivariant: scores that stay with the positions fail, scores that go with the items or nowhere pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.permutation_equivariant import permutation_equivariant
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.permuted import Permuted
from rerank_guard.core.verdict import Status


def scored(n_tasks=96, n=20, *, item=1.0, position=0.0, noise=0.3, seed=0):
    """Scores before and after: item taste, position prior and noise, of these sizes."""
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [n] * n_tasks if isinstance(n, int) else n)
    orders, before, after = [], [], []
    prior = rng.normal(size=60)
    for task in tasks:
        n_candidates = task.n_candidates
        order = rng.permutation(n_candidates)
        taste = item * rng.normal(size=n_candidates)
        preference = position * prior[:n_candidates]
        before.append(taste + preference + noise * rng.normal(size=n_candidates))
        after.append(taste[order] + preference + noise * rng.normal(size=n_candidates))
        orders.append(order)
    return Permuted(tasks, orders, before, after)


@pytest.mark.parametrize(
    ("item", "position", "noise", "n"),
    [
        (1, 0, 0, 20),
        (1, 0, 1, 20),
        (1, 0.7, 0.3, 20),
        (0, 0, 1, 20),
        (0.3, 0, 1, 20),
        (0, 0, 0, 20),
        (1, 0, 0.3, 2),
        (1, 0.7, 0.3, [2, 3, 20, 50] * 24),
    ],
)
def test_items_that_matter_most_or_nothing_at_all_pass(item, position, noise, n):
    verdict = permutation_equivariant(scored(n=n, item=item, position=position, noise=noise))
    assert verdict.status is Status.PASSED
    assert verdict.interval.low <= verdict.measured["item_minus_position"] <= verdict.interval.high
    assert verdict.interval.level == pytest.approx(1.0 - 2e-6)
    assert verdict.signs == {"log10_e_value": "<"}
    assert verdict.threshold == {"log10_e_value": pytest.approx(6.0), "item_minus_position": 0.0}


def test_an_equivariant_ranker_has_a_correlation_of_one_by_item():
    measured = permutation_equivariant(scored(noise=0.0)).measured
    assert measured["correlation_by_item"] == pytest.approx(1.0)
    assert measured["correlation_by_position"] == pytest.approx(0.0, abs=0.1)
    difference = measured["correlation_by_item"] - measured["correlation_by_position"]
    assert measured["item_minus_position"] == pytest.approx(difference)


@pytest.mark.parametrize(
    ("n", "item", "position", "as_given"),
    [
        (20, 0.0, 1.0, lambda row: row),
        (20, 0.3, 1.0, lambda row: row),
        (20, 0.5, 2.0, lambda row: row),
        (5, 0.3, 1.0, lambda row: row),
        (50, 0.3, 1.0, lambda row: row),
        (20, 0.3, 1.0, letter_probabilities),
    ],
)
def test_scores_that_stay_with_the_positions_are_a_position_prior(n, item, position, as_given):
    made = scored(n=n, item=item, position=position, seed=1)
    given = replace(
        made, before=[as_given(row) for row in made.before], after=[as_given(row) for row in made.after]
    )
    verdict = permutation_equivariant(given)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "position-prior"
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.p_failed <= 1e-6
    assert verdict.interval.high < 0.0
    assert len(verdict.evidence) == 5


def test_a_fixed_letter_wins_between_two():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [2] * 200)
    orders = [rng.permutation(2) for _ in tasks]
    rows = [np.array([1.0, 0.0])] * 200
    assert permutation_equivariant(Permuted(tasks, orders, rows, rows)).fault == "position-prior"


def test_an_excess_of_positions_can_be_accepted():
    made = scored(item=0.7, position=1.0)
    verdict = permutation_equivariant(made, alpha=1e-2)
    assert verdict.status is Status.FAILED
    assert -0.5 < verdict.measured["item_minus_position"] < 0.0
    accepted = permutation_equivariant(made, alpha=1e-2, max_excess=0.5)
    assert accepted.status is Status.PASSED
    assert accepted.threshold["item_minus_position"] == -0.5


def test_orders_that_change_nothing_prove_nothing():
    made = scored()
    same = replace(made, orders=[np.arange(20)] * len(made.tasks), after=made.before)
    assert permutation_equivariant(same).measured["item_minus_position"] == 0.0


def test_one_task_repeated_counts_once():
    made = scored(n=20, item=0.0, position=1.0)
    repeated = Permuted(*([rows[0]] * 96 for rows in (made.tasks, made.orders, made.before, made.after)))
    verdict = permutation_equivariant(repeated)
    assert verdict.n == 1
    assert verdict.status is Status.PASSED
    turned = replace(repeated, orders=[made.orders[0]] * 95 + [made.orders[1]])
    assert permutation_equivariant(turned).n == 2, "in another order it is another draw"


@pytest.mark.parametrize("value", [0.0, np.nan, -np.inf])
def test_constant_and_broken_scores_are_left_to_others(value):
    made = scored()
    rows = [np.full(len(row), value) for row in made.before]
    for judged in (replace(made, before=rows, after=rows), replace(made, before=rows), replace(made, after=rows)):
        measured = permutation_equivariant(judged).measured
        assert (measured["correlation_by_item"], measured["correlation_by_position"]) == (0.0, 0.0)


def test_errors():
    made = scored(4, 5)
    with pytest.raises(InvalidTaskError, match="no order of its 5 positions"):
        permutation_equivariant(replace(made, orders=[np.zeros(5)] * 4))
    with pytest.raises(InvalidScoresError, match="3 orders"):
        permutation_equivariant(replace(made, orders=made.orders[:3]))
    with pytest.raises(InvalidScoresError, match="reordered"):
        permutation_equivariant(replace(made, after=made.after[:3]))
    with pytest.raises(InvalidTaskError):
        permutation_equivariant(Permuted([], [], [], []))
    with pytest.raises(RerankGuardError, match="alpha=2"):
        permutation_equivariant(made, alpha=2)
    with pytest.raises(RerankGuardError, match="max_excess=1"):
        permutation_equivariant(made, max_excess=1)
