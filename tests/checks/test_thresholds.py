"""Each threshold decides: of one input the status is one with the default and another with another value."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import (
    learned_nll,
    make_letter_table,
    make_tasks,
    make_trace,
    noisy_scores,
    random_tasks,
    scores_that_hit,
)
from guard.letter_logits import lettered, letters_of, world
from rerank_guard.checks.quality.reported_metrics_correct import reported_metrics_correct
from rerank_guard.checks.saved_model.adapter_active import adapter_active
from rerank_guard.checks.saved_model.survives_reload import survives_reload
from rerank_guard.checks.scoring.batch_invariant import batch_invariant
from rerank_guard.checks.scoring.letter_mass import letter_mass
from rerank_guard.checks.scoring.no_order_fallback import no_order_fallback
from rerank_guard.checks.scoring.probabilities_agree import probabilities_agree
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.scoring.scores_deterministic import scores_deterministic
from rerank_guard.checks.scoring.scores_match_forward_pass import scores_match_forward_pass
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.checks.training.config_obeyed import config_obeyed
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.checks.training.loss_recorded_per_letter import loss_recorded_per_letter
from rerank_guard.checks.training.only_trainable_weights_updated import only_trainable_weights_updated
from rerank_guard.checks.training.overfits_one_batch import overfits_one_batch
from rerank_guard.checks.training.training_planned import training_planned
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.training_plan import ParameterChange, TrainingPlan
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Status

PASSED, FAILED, OPEN, APART = Status.PASSED, Status.FAILED, Status.INCONCLUSIVE, Status.NOT_APPLICABLE
PLAN = TrainingPlan(
    n_examples=320, examples_per_step=8, epochs=1.0, max_steps=None, warmup_steps=5, learning_rate=1e-3
)


def rng(seed=0):
    return np.random.default_rng(seed)


def job(*, steps=40, rate=None, ids=None):
    """A trace of PLAN at a constant rate."""
    ids = np.arange(8 * steps) % 320 if ids is None else ids
    _, first = np.unique(ids, return_index=True)
    return TrainingTrace(
        letter_nll=np.full(len(ids), 2.0),
        n_candidates=np.full(len(ids), 50, dtype=np.int64),
        example_step=np.arange(len(ids)) // 8,
        first_pass=np.isin(np.arange(len(ids)), first),
        learning_rate=np.full(steps, 1e-3) if rate is None else rate,
        gradient_norm=np.ones(steps),
        planned_steps=40,
        trainable_parameters=1000,
        seconds=1.0,
    )


def gradients(bad, value):
    norm = np.ones(400)
    norm[:bad] = value
    return norm


def learned(bad, value):
    return (make_trace(learned_nll(rng(), 3000), gradient_norm=gradients(bad, value)),)


def smoke(bad=0, value=1.0, end=0.1, start=3.9, rate=1e-3, ranks=None):
    losses = np.r_[np.full(300, start), np.full(100, end)]
    trace = make_trace(losses, gradient_norm=gradients(bad, value), learning_rate=rate)
    return trace if ranks is None else replace(trace, target_rank=np.full(400, ranks))


def changes(*, moved=0, still=0, broken=0):
    made = [ParameterChange(f"trained {place}", 9, True, 0.1, 1.0) for place in range(5)]
    made += [ParameterChange(f"frozen {place}", 9, False, 0.1 if place < moved else 0.0, 1.0) for place in range(5)]
    made += [ParameterChange(f"still {place}", 9, True, 0.0, 1.0) for place in range(still)]
    return (made + [ParameterChange(f"broken {place}", 9, True, math.nan, 1.0) for place in range(broken)],)


def batch_means(n_batches, size=8, own=0, repeated=0):
    """Of so many batches, the first `own` have values of their own, and `repeated` the value of the one before."""
    values = 2.0 + rng().random((n_batches, 1))
    for place in range(repeated, 0, -1):
        values[-place] = values[-place - 1]
    losses = np.repeat(values, size, axis=1)
    losses[:own] += rng(1).random((own, size))
    return (make_trace(losses.reshape(-1), steps=n_batches),)


def negative():
    return (make_trace(np.r_[learned_nll(rng(), 999), -0.5], steps=1000),)


def tasks_and(n_tasks=32, n=20):
    tasks = random_tasks(rng(), [n] * n_tasks)
    return tasks, noisy_scores(tasks, rng(1), 3.0)


def with_changed(n_changed, change, n_tasks=32):
    """Scores, the same of which some were changed, and the tasks."""
    tasks, scores = tasks_and(n_tasks)
    return scores, [change(row) if task < n_changed else row for task, row in enumerate(scores)], tasks


def away(row):
    return row[::-1].copy()


def partly(share):
    return lambda row: (1.0 - share) * row + share * row[::-1]


def unlike_base():
    """Reloaded scores that are within the tolerance of those before, and at a tenth of their distance from the base."""
    scores, base, tasks = with_changed(32, partly(0.005))
    after = [0.9 * plain + 0.1 * row for row, plain in zip(scores, base, strict=True)]
    return scores, after, tasks, base


def constant_tails(n_tasks=20, of=20, gap=100.0, n=12, tail=5):
    tasks, scores = tasks_and(of, n)
    rows = [row.copy() for row in scores]
    for task, row in enumerate(rows[:n_tasks]):
        lowest = rng(task).choice(n, size=tail + (task % 3 if n > 6 else 0), replace=False)
        row[lowest] = np.delete(row, lowest).min() - gap
    return rows, tasks


def constant_heads():
    tasks, scores = tasks_and(20, 12)
    rows = [row - 50.0 for row in scores]
    for task, row in enumerate(rows):
        row[rng(task).choice(12, size=4, replace=False)] = 0.0
    return rows, tasks


def missing():
    tasks, scores = tasks_and()
    return [
        np.where(np.arange(20) == task % 20, -np.inf, row) if task < 2 else row for task, row in enumerate(scores)
    ], tasks


def listed_tails(places, length, steps=None, n=25):
    """The lowest candidates are in the order of the list, at one of these places, in these steps."""
    rows = []
    for task in range(24):
        row = rng(task).random(n) + 50.0
        row[-1] = 50.0 - 1.0
        start = places[task % len(places)]
        down = np.cumsum(0.1 + rng(task).random(length)) if steps is None else steps * np.arange(1, 1 + length)
        row[start : start + length] = 40.0 - down
        rows.append(row)
    return rows, random_tasks(rng(), [n] * 24)


def whole_lists(trend):
    """A third wholly in the order of the list, in uneven steps; the others' scores fall over the positions by `trend`."""
    rows = [
        -np.cumsum(0.1 + rng(task).random(20))
        if task % 3 == 0
        else rng(task).normal(size=20) - trend * np.arange(20)
        for task in range(60)
    ]
    return rows, random_tasks(rng(), [20] * 60)


def behind_rank(kept):
    """The best `kept` of 20 as they are, the others in the order of the list, in uneven steps."""
    rows = [rng(task).normal(size=20) for task in range(60)]
    for task, row in enumerate(rows):
        lost = np.sort(np.argsort(-row)[kept:])
        row[lost] = row.min() - np.cumsum(0.1 + rng(task).random(len(lost)))
    return rows, random_tasks(rng(), [20] * 60)


def first_stage_copied():
    """The last five of 20 keep the score of the first stage."""
    rows = [rng(task).normal(size=20) for task in range(60)]
    first = [rng(100 + task).normal(size=20) for task in range(60)]
    for row, given in zip(rows, first, strict=True):
        row[15:] = given[15:]
    tasks = random_tasks(rng(), [20] * 60)
    return rows, [
        replace(task, first_stage_scores=tuple(row.tolist())) for task, row in zip(tasks, first, strict=True)
    ]


def shared(n_shared=12, n_tasks=100):
    tasks, scores = tasks_and(n_tasks)
    return [scores[0] if task < n_shared else row for task, row in enumerate(scores)], tasks


def infinite():
    tasks, scores = tasks_and()
    return [
        np.where(np.arange(20) == 3, np.inf, row) if task < 2 else row for task, row in enumerate(scores)
    ], tasks


def swapped(pairs, level=False):
    """Scores of 20 clearly apart candidates, of which the lower half's neighbours are exchanged, or level, in all tasks."""
    tasks = random_tasks(rng(), [20] * 16)
    row, said = 2.0 * np.arange(20.0), 2.0 * np.arange(20.0)
    for pair in range(pairs):
        said[19 - 2 * pair - 1] = said[19 - 2 * pair] + (0.0 if level else 0.5)
    return [row] * 16, [said] * 16, tasks


def forward(change, n_changed=32):
    tasks, prompts, logits, letters = world(32, 20)
    scores = letters_of(logits, tasks)
    rows = [change(row) if task < n_changed else row for task, row in enumerate(scores)]
    return rows, logits, prompts, tasks, letters


def swapped_forward(pairs, level=False):
    """The same of a forward pass."""
    plain, said, tasks = swapped(pairs, level)
    logits = [np.r_[np.full(100, -20.0), row, np.full(40, -20.0)] for row in plain]
    prompts = [ScoringPrompt(task.query_id, "", (1, 2, 3), 2) for task in tasks]
    return said, logits, prompts, tasks, lettered(20)


def read_reversed():
    """Logits so flat that half precision explains any order, and scores that are nearly their negatives."""
    _, logits, prompts, tasks, letters = forward(away)
    logits = [
        np.r_[np.zeros(100), rng(task).permutation(np.linspace(-0.13, 0.13, 20)), np.zeros(480)]
        for task in range(32)
    ]
    said = [-row + 0.01 * rng(9).normal(size=20) for row in letters_of(logits, tasks)]
    return said, logits, prompts, tasks, letters


def equal_letters(n, n_equal=2):
    rows = [rng(task).dirichlet(np.ones(n)) for task in range(100)]
    return ([np.full(n, 1.0 / n) if task < n_equal else row for task, row in enumerate(rows)],)


def few_letters(n):
    tasks = make_tasks([0] * 20, [n] * 20)
    logits = np.zeros(600)
    logits[100 : 100 + n] = -9.0
    return [logits] * 20, make_letter_table(n), tasks


def reported():
    tasks = random_tasks(rng(), [20] * 50)
    return (
        {"Recall@5": 0.31, "MRR": 0.77, "Hit@3": 0.5},
        scores_that_hit(tasks, [user < 25 for user in range(50)]),
        tasks,
    )


LATE = np.r_[np.linspace(0.0, 1e-3, 5), np.full(35, 1e-3)]

CASES = [
    # check, inputs, status, setting, value, status with it
    (
        training_planned,
        lambda: (TrainingPlan(3200, 16, 1.0, None, 10, 1e-7), make_tasks([0], [50])),
        FAILED,
        "negligible_rate",
        1e-8,
        PASSED,
    ),
    (
        training_planned,
        lambda: (TrainingPlan(3200, 16, 1.0, None, 10, 1e-3), make_tasks([0], [50])),
        PASSED,
        "negligible_rate",
        1e-3,
        FAILED,
    ),
    (
        training_planned,
        lambda: (TrainingPlan(3200, 16, 1.0, None, 100, 1e-3), make_tasks([0], [50])),
        PASSED,
        "least_steps",
        80,
        FAILED,
    ),
    (
        training_planned,
        lambda: (TrainingPlan(3200, 16, 1.0, None, 100, 1e-3), make_tasks([0], [50])),
        PASSED,
        "showings_per_letter",
        30,
        FAILED,
    ),
    (config_obeyed, lambda: (PLAN, job(rate=0.75 * LATE)), FAILED, "min_peak", 0.7, PASSED),
    (
        config_obeyed,
        lambda: (replace(PLAN, warmup_steps=30), job(rate=np.full(40, 4e-4))),
        FAILED,
        "min_peak_early",
        0.3,
        PASSED,
    ),
    (
        config_obeyed,
        lambda: (replace(PLAN, warmup_steps=15), job(rate=np.full(40, 6e-4))),
        FAILED,
        "settled_after",
        30,
        PASSED,
    ),
    (config_obeyed, lambda: (PLAN, job(steps=43)), FAILED, "spare_steps", 2, PASSED),
    (
        config_obeyed,
        lambda: (PLAN, job(rate=np.r_[np.full(15, 1e-3), np.full(25, 5e-7)])),
        FAILED,
        "dead_rate",
        1e-4,
        PASSED,
    ),
    (
        config_obeyed,
        lambda: (PLAN, job(rate=np.r_[np.full(15, 1e-3), np.full(25, 5e-7)])),
        FAILED,
        "min_alive",
        0.2,
        PASSED,
    ),
    (config_obeyed, lambda: (PLAN, job(ids=np.arange(320) % 120)), FAILED, "sampling_slack", 7.0, PASSED),
    (config_obeyed, lambda: (PLAN, job(rate=0.75 * LATE)), FAILED, "max_ignored", 1, PASSED),
    (loss_below_random, lambda: learned(30, math.inf), FAILED, "max_non_finite", 0.1, PASSED),
    (loss_below_random, lambda: learned(370, 0.0), FAILED, "zero_gradients", 0.95, PASSED),
    (loss_recorded_per_letter, negative, FAILED, "max_negative", 1, PASSED),
    (loss_recorded_per_letter, lambda: batch_means(8), PASSED, "min_batches", 8, FAILED),
    (loss_recorded_per_letter, lambda: batch_means(15, size=2), PASSED, "min_equal", 15, FAILED),
    (loss_recorded_per_letter, lambda: batch_means(20, own=2), PASSED, "one_value", 0.9, FAILED),
    (loss_recorded_per_letter, lambda: batch_means(20, repeated=3), PASSED, "another_value", 0.8, FAILED),
    (only_trainable_weights_updated, lambda: changes(still=2), FAILED, "max_unmoved", 2, PASSED),
    (only_trainable_weights_updated, lambda: changes(moved=2), FAILED, "max_frozen_moved", 2, PASSED),
    (only_trainable_weights_updated, lambda: changes(broken=2), FAILED, "max_not_finite", 2, PASSED),
    (overfits_one_batch, lambda: (smoke(end=4.5),), OPEN, "max_excess", 0.1, FAILED),
    (overfits_one_batch, lambda: (smoke(end=4.2, ranks=50.0),), OPEN, "max_rise", 0.05, FAILED),
    (overfits_one_batch, lambda: (smoke(rate=4e-4), PLAN), FAILED, "min_rate", 0.3, PASSED),
    (overfits_one_batch, lambda: (smoke(rate=1.2e-3), PLAN), FAILED, "max_rate_excess", 0.3, PASSED),
    (overfits_one_batch, lambda: (smoke(rate=1e-8),), FAILED, "negligible_rate", 1e-9, PASSED),
    (overfits_one_batch, lambda: (smoke(30, math.inf),), FAILED, "max_non_finite", 0.1, PASSED),
    (overfits_one_batch, lambda: (smoke(370, 0.0),), FAILED, "zero_gradients", 0.95, PASSED),
    (adapter_active, lambda: with_changed(20, away), PASSED, "max_unchanged", 0.3, FAILED),
    (
        adapter_active,
        lambda: ([np.r_[0.0, 1.0, 0.2 * (task % 2)] for task in range(9)],) * 2 + (random_tasks(rng(), [3] * 9),),
        FAILED,
        "same_within",
        0.1,
        APART,
    ),
    (survives_reload, lambda: with_changed(1, away), FAILED, "max_far", 1, PASSED),
    (survives_reload, lambda: with_changed(1, partly(0.25)), PASSED, "far_factor", 2.0, FAILED),
    (survives_reload, lambda: with_changed(1, partly(0.25)), PASSED, "far_cap", 0.05, FAILED),
    (batch_invariant, lambda: with_changed(1, partly(0.25)), PASSED, "far_factor", 2.0, FAILED),
    (batch_invariant, lambda: with_changed(1, partly(0.25)), PASSED, "far_cap", 0.05, FAILED),
    (scores_match_forward_pass, lambda: swapped_forward(8), FAILED, "max_discordant", 0.1, PASSED),
    (scores_match_forward_pass, lambda: swapped_forward(8, level=True), PASSED, "max_tied", 0.0, FAILED),
    (scores_match_forward_pass, read_reversed, FAILED, "much_nearer", 0.01, PASSED),
    (survives_reload, unlike_base, FAILED, "near_base", 0.05, PASSED),
    (batch_invariant, lambda: with_changed(1, away), FAILED, "max_far", 1, PASSED),
    (letter_mass, lambda: few_letters(3), PASSED, "min_letters", 3, FAILED),
    (no_order_fallback, missing, FAILED, "max_missing", 2, PASSED),
    (no_order_fallback, constant_tails, FAILED, "max_constant_tails", 20, PASSED),
    (no_order_fallback, constant_heads, FAILED, "max_constant_heads", 20, PASSED),
    (no_order_fallback, lambda: constant_tails(8, 8), PASSED, "min_tasks", 8, FAILED),
    (no_order_fallback, lambda: constant_tails(14), PASSED, "most", 0.6, FAILED),
    (no_order_fallback, lambda: constant_tails(gap=2.0), PASSED, "far_below", 0.3, FAILED),
    (no_order_fallback, lambda: constant_tails(n=5, tail=2), PASSED, "long_end", 4, FAILED),
    (no_order_fallback, lambda: listed_tails([3], 5, 0.5), FAILED, "shortest", 6, PASSED),
    (no_order_fallback, lambda: whole_lists(0.08), FAILED, "long_end", 21, PASSED),
    (no_order_fallback, lambda: behind_rank(12), FAILED, "least_kept", 13, PASSED),
    (no_order_fallback, first_stage_copied, FAILED, "max_copied", 60, PASSED),
    (probabilities_agree, lambda: swapped(8), FAILED, "max_discordant", 0.1, PASSED),
    (probabilities_agree, lambda: swapped(8, level=True), PASSED, "max_tied", 0.0, FAILED),
    (probabilities_not_uniform, lambda: equal_letters(8), FAILED, "max_uniform", 2, PASSED),
    (probabilities_not_uniform, lambda: equal_letters(3), PASSED, "min_letters", 3, FAILED),
    (scores_deterministic, lambda: with_changed(2, away), FAILED, "max_differing", 2, PASSED),
    (scores_match_forward_pass, lambda: forward(away, 1), FAILED, "max_far", 1, PASSED),
    (scores_match_forward_pass, lambda: forward(away, 1), FAILED, "far", 0.999, PASSED),
    (scores_match_forward_pass, lambda: forward(away, 1), FAILED, "far_discordant", 0.99, PASSED),
    (scores_well_formed, infinite, FAILED, "max_not_finite", 2, PASSED),
    (scores_well_formed, shared, FAILED, "min_shared", 13, PASSED),
    (scores_well_formed, shared, FAILED, "max_shared", 0.12, PASSED),
    (reported_metrics_correct, reported, FAILED, "max_at_fault", 2, PASSED),
]


@pytest.mark.parametrize(("check", "make", "status", "setting", "value", "other"), CASES)
def test_the_threshold_decides(check, make, status, setting, value, other):
    inputs = make()
    found = check(*inputs)
    assert (found.status, check(*inputs, **{setting: value}).status) == (status, other), found


COUNTS = [case for case in CASES if case[3].startswith("max_") and isinstance(case[4], int) and case[5] is PASSED]


@pytest.mark.parametrize(("check", "make", "status", "setting", "value", "other"), COUNTS)
def test_a_tolerated_count_is_measured_and_is_the_limit(check, make, status, setting, value, other):
    inputs = make()
    within = check(*inputs, **{setting: value})
    limits = [name for name, sign in within.signs.items() if sign == "<=" and within.threshold[name] == value]
    assert any(within.measured[name] == value for name in limits), (within.measured, within.threshold)
    assert check(*inputs, **{setting: value - 1}).status is FAILED
