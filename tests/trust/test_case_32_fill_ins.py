"""Case 32: a few constant rows are counted, and a value that comes again exactly is no score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from rerank_guard.checks.scoring.no_fill_in_values import no_fill_in_values
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def of_own_texts(task):
    return replace(task, candidates=tuple(replace(item, text=f"film {item.item_id}") for item in task.candidates))


def drawn(lengths=(20,) * 400, seed=0):
    rng = np.random.default_rng(seed)
    tasks = [of_own_texts(task) for task in random_tasks(rng, list(lengths))]
    return tasks, noisy_scores(tasks, rng, 2.0)


def half_precision(row):
    return row.astype(np.float16).astype(np.float64)


def few_bits(row):
    """bfloat16: the first 16 bits of a float32."""
    bits = np.ascontiguousarray(row, dtype=np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


def put(position, value):
    return lambda row: np.where(np.arange(len(row)) == position % len(row), value, row)


@pytest.mark.parametrize("lengths", [(20,) * 400, (50,) * 100, (8,) * 500, (6, 20, 51) * 80])
@pytest.mark.parametrize("value", [0.0, 0.25, -100.0, 1e9])
def test_one_value_for_one_letter_in_every_row_fails(lengths, value):
    tasks, scores = drawn(lengths)
    verdict = no_fill_in_values([put(5, value)(row) for row in scores], tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert verdict.measured["recurring_value"] == value
    assert verdict.affected.n == len(tasks)


@pytest.mark.parametrize(("share", "is_fault"), [(1.0, True), (0.1, True), (0.04, True), (0.0, False)])
def test_a_value_for_single_candidates_of_some_users(share, is_fault):
    tasks, scores = drawn()
    rng = np.random.default_rng(1)
    rows = [put(int(rng.integers(20)), 0.0)(row) if rng.random() < share else row for row in scores]
    verdict = no_fill_in_values(rows, tasks)
    assert (verdict.status is Status.FAILED) is is_fault


@pytest.mark.parametrize("rounded", [half_precision, few_bits])
def test_a_value_that_stands_out_of_a_grid_fails(rounded):
    tasks, scores = drawn((20,) * 1000)
    rows = [put(3, 1.5)(rounded(row)) for row in scores]
    assert no_fill_in_values(rows, tasks).status is Status.FAILED


@pytest.mark.parametrize(("n_users", "n_constant"), [(400, 3), (400, 20), (400, 21), (2000, 4), (60, 3)])
def test_a_few_constant_rows_fail(n_users, n_constant):
    tasks, scores = drawn((20,) * n_users)
    rows = [np.full(20, 0.1 * user) if user < n_constant else row for user, row in enumerate(scores)]
    verdict = no_fill_in_values(rows, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")
    assert (verdict.measured["users_with_constant_scores"], verdict.affected.n) == (n_constant, n_constant)


def test_two_constant_rows_pass():
    tasks, scores = drawn()
    rows = [np.zeros(20) if user < 2 else row for user, row in enumerate(scores)]
    assert no_fill_in_values(rows, tasks).status is Status.PASSED


def softmax(row):
    odds = np.exp(row - row.max())
    return odds / odds.sum()


HEALTHY = {
    "as they are": lambda row: row,
    "float32": lambda row: row.astype(np.float32).astype(np.float64),
    "float16": half_precision,
    "bfloat16": few_bits,
    "two decimals": lambda row: np.round(row, 2),
    "one decimal": lambda row: np.round(row, 1),
    "ranks": lambda row: -np.argsort(np.argsort(-row)).astype(float),
    "reciprocal ranks": lambda row: 1.0 / (61.0 + np.argsort(np.argsort(-row))),
    "from 0 to 1": lambda row: (row - row.min()) / np.ptp(row),
    "less the largest": lambda row: row - row.max(),
    "less the median": lambda row: row - np.sort(row)[len(row) // 2],
    "probabilities": softmax,
    "log-probabilities": lambda row: np.log(softmax(row)),
    "one-hot": lambda row: (row == row.max()).astype(float),
    "grades": lambda row: np.clip(np.round(2.0 * row + 4.0), 0.0, 10.0),
    "a lexical score with many zeros": lambda row: np.maximum(row - 0.5, 0.0),
    "the best five, then a floor": lambda row: np.where(row >= np.sort(row)[-5], row, -1e4),
    "sigmoids in float16": lambda row: half_precision(1.0 / (1.0 + np.exp(-4.0 * row))),
    "clipped": lambda row: np.clip(row, -1.5, 1.5),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("lengths", [(20,) * 400, (9, 20, 51) * 150])
def test_healthy_scores_pass(name, lengths):
    tasks, scores = drawn(lengths)
    kept = [at for at, row in enumerate(scores) if np.ptp(HEALTHY[name](row)) > 0.0]
    rows, tasks = [HEALTHY[name](scores[at]) for at in kept], [tasks[at] for at in kept]
    assert no_fill_in_values(rows, tasks).status is Status.PASSED


@pytest.mark.parametrize("popularity", [True, False])
def test_scores_of_the_items_alone_pass(popularity):
    """A popularity ranking gives each item its score in every list."""
    rng = np.random.default_rng(0)
    tasks, _ = drawn()
    catalogue = [Item(f"i{i}", f"film {i}") for i in range(200)]
    value = np.log1p(rng.zipf(1.5, size=200)) if popularity else rng.normal(size=200)
    listed, rows = [], []
    for task in tasks:
        chosen = rng.permutation(200)[:20]
        candidates = tuple(catalogue[i] for i in chosen)
        listed.append(replace(task, candidates=candidates, target_id=candidates[task.target_index].item_id))
        rows.append(value[chosen])
    assert no_fill_in_values(rows, listed).status is Status.PASSED


def test_a_list_in_the_first_stages_order_that_is_normalised_passes():
    tasks, scores = drawn()
    ordered = [np.sort(HEALTHY["from 0 to 1"](row))[::-1] for row in scores]
    assert no_fill_in_values(ordered, tasks).status is Status.PASSED


def test_lists_that_are_repeated_and_users_without_a_history_pass():
    tasks, scores = drawn()
    assert no_fill_in_values(scores * 20, tasks * 20).status is Status.PASSED
    some = [replace(task, history=() if user < 40 else task.candidates[:2]) for user, task in enumerate(tasks)]
    rows = [np.zeros(20) if user < 40 else row for user, row in enumerate(scores)]
    assert no_fill_in_values(rows, some).status is Status.PASSED


def test_one_text_under_many_ids_has_one_score():
    """Items that the model does not know are one and the same to it where a row has no other context."""
    tasks, scores = drawn()
    strange = [
        replace(task, candidates=(*task.candidates[:19], replace(task.candidates[19], text="unknown")))
        for task in tasks
    ]
    rows = [put(19, 0.5)(row) for row in scores]
    assert no_fill_in_values(rows, strange).status is Status.PASSED
    assert no_fill_in_values(rows, tasks).status is Status.FAILED
