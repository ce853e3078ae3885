"""batch_invariant: half precision passes; padding, neighbours and exchanged rows are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import noisy_scores, random_tasks
from guard.letter_logits import in_half_precision, letters_of, world
from rerank_guard.checks.scoring.batch_invariant import batch_invariant
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def scored(n_tasks=32, n=20, *, sharp=3.0, seed=0):
    tasks, _, logits, _ = world(n_tasks, n, sharp=sharp, seed=seed)
    return tasks, letters_of(logits, tasks)


@pytest.mark.parametrize(
    "rows",
    [
        lambda row: row,
        lambda row: np.zeros(len(row)),
        lambda row: np.where(np.arange(len(row)) < 3, -np.inf, row),
        lambda row: np.where(np.arange(len(row)) < 3, np.nan, row),
    ],
)
def test_equal_scores_of_any_kind_pass(rows):
    tasks, scores = scored()
    scores = [rows(row) for row in scores]
    verdict = batch_invariant(scores, [row.copy() for row in scores], tasks)
    assert (verdict.status, verdict.suspects, verdict.affected) == (Status.PASSED, (), Affected(0, 32))
    assert verdict.measured["text_of_broken"] is None
    assert verdict.signs == {"share_of_users_broken": "<=", "users_far_apart": "<="}


@pytest.mark.parametrize(("n", "sharp"), [(20, 0.5), (20, 1.0), (20, 3.0), (2, 1.0), (50, 1.0)])
def test_half_precision_is_no_dependence_on_the_batch(n, sharp):
    rng = np.random.default_rng(0)
    tasks, scores = scored(64, n, sharp=sharp)
    verdict = batch_invariant(in_half_precision(scores, rng), in_half_precision(scores, rng), tasks)
    assert verdict.status is Status.PASSED


def test_half_precision_on_a_steep_scale_is_no_dependence_on_the_batch():
    rng = np.random.default_rng(0)
    tasks, scores = scored(64, 20)
    first, second = ([50.0 * row for row in in_half_precision(scores, rng)] for _ in range(2))
    assert batch_invariant(first, second, tasks).status is Status.PASSED


@pytest.mark.parametrize(("n", "scale"), [(20, 1.0), (20, 1000.0), (20, 0.01), (2, 1.0)])
def test_scores_mixed_with_the_neighbours_are_batch_dependent(n, scale):
    tasks, scores = scored(32, n)
    scores = [scale * row for row in scores]
    together = [0.5 * (row + scores[u - 1]) for u, row in enumerate(scores)]
    verdict = batch_invariant(together, scores, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "batch-dependent"
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.measured["share_of_users_broken"] == verdict.affected.share


@pytest.mark.parametrize(("short", "word"), [(True, "shorter"), (False, "longer")])
def test_the_lengths_of_the_texts_point_at_padding_or_truncation(short, word):
    rng = np.random.default_rng(3)
    tasks, scores = scored(32, 20)
    history = tuple(Item(f"h{i}", "a rather long title of a film") for i in range(30))
    tasks = [replace(task, history=history if (u >= 2) is short else history[:1]) for u, task in enumerate(tasks)]
    together = [rng.permutation(row) if u < 2 else row for u, row in enumerate(scores)]
    verdict = batch_invariant(together, scores, tasks)
    assert verdict.fault == "batch-dependent"
    assert word in verdict.cause
    assert (verdict.measured["text_of_broken"] < verdict.measured["text_of_others"]) is short
    alike = batch_invariant(together, scores, [replace(task, history=()) for task in tasks])
    assert word not in alike.cause


@pytest.mark.parametrize(("more", "points"), [(6, False), (8, True)])
def test_lengths_within_five_percent_point_at_nothing(more, points):
    """The candidates' texts have 130 characters, and those of the other tasks `more`."""
    rng = np.random.default_rng(3)
    tasks, scores = scored(32, 20)
    tasks = [task if u < 2 else replace(task, history=(Item("h", "x" * more),)) for u, task in enumerate(tasks)]
    together = [rng.permutation(row) if u < 2 else row for u, row in enumerate(scores)]
    verdict = batch_invariant(together, scores, tasks)
    assert (verdict.measured["text_of_broken"], verdict.measured["text_of_others"]) == (130.0, 130.0 + more)
    assert ("shorter" in verdict.cause) is points


@pytest.mark.parametrize(("max_share", "status"), [(0.12, Status.PASSED), (0.08, Status.FAILED)])
def test_one_task_in_ten_may_be_broken_unless_one_is_far_off(max_share, status):
    tasks, _ = scored(20, 3)
    alone = [np.array([1.0, 0.0, -1.0])] * 20
    together = [np.array([1.0, 0.0, -1.0]) if u >= 2 else np.array([1.0, 0.0, 0.1]) for u in range(20)]
    verdict = batch_invariant(together, alone, tasks, max_share=max_share)
    assert verdict.measured["share_of_users_broken"] == 0.1
    assert 0.02 < verdict.measured["largest_distance"] < 0.2
    assert verdict.measured["users_far_apart"] == 0
    assert verdict.status is status
    far = batch_invariant([alone[0][::-1], *alone[1:]], alone, tasks, max_share=max_share)
    assert far.measured["users_far_apart"] == 1
    assert far.status is Status.FAILED


@pytest.mark.parametrize(
    ("moved", "tolerance", "far"), [(0.3, 0.02, True), (0.1, 0.02, False), (0.6, 0.2, True), (0.4, 0.2, False)]
)
def test_one_task_is_far_off_from_ten_times_the_tolerance_or_a_half_on(moved, tolerance, far):
    """Half of the probability and as much more moves from the first candidate to the second."""
    tasks, _ = scored(20, 2)
    alone = [np.array([0.8, 0.2])] * 20
    together = [np.array([0.8 - moved, 0.2 + moved]), *alone[1:]]
    verdict = batch_invariant(together, alone, tasks, tolerance=tolerance)
    assert verdict.measured["largest_distance"] == pytest.approx(moved)
    assert verdict.measured["users_far_apart"] == int(far)
    assert verdict.status is (Status.FAILED if far else Status.PASSED)


@pytest.mark.parametrize(("off", "fault"), [(0.9e-4, "rows-misaligned"), (1.1e-4, "batch-dependent")])
def test_another_tasks_row_is_told_within_a_ten_thousandth_of_its_range(off, fault):
    rng = np.random.default_rng(4)
    tasks = random_tasks(rng, [12] * 20)
    alone = [np.r_[0.0, 1.0, rng.random(10)] for _ in range(20)]
    alone = [10.0 * row[rng.permutation(12)] for row in alone]
    moved = [alone[(task + 7) % 20] + 10.0 * off for task in range(20)]
    assert batch_invariant(moved, alone, tasks, moved).fault == fault


@pytest.mark.parametrize(("n_moved", "fault"), [(16, "rows-misaligned"), (15, "batch-dependent")])
def test_four_of_five_broken_rows_have_to_be_another_tasks(n_moved, fault):
    rng = np.random.default_rng(4)
    tasks = random_tasks(rng, [12] * 20)
    alone = noisy_scores(tasks, rng, 1.0)
    together = [
        alone[task - 1] if task < n_moved else row + 5.0 * rng.normal(size=12) for task, row in enumerate(alone)
    ]
    verdict = batch_invariant(together, alone, tasks, together)
    assert verdict.affected == Affected(20, 20)
    assert verdict.fault == fault


def test_rows_that_are_right_but_another_tasks_are_told_from_changed_ones():
    """Sorted by length for batching, and not put back."""
    rng = np.random.default_rng(4)
    tasks = random_tasks(rng, [12] * 40 + [7] * 20)
    alone = noisy_scores(tasks, rng, 1.0)
    moved = [alone[(task + 7) % 40] for task in range(40)] + alone[40:]
    changed = [row + rng.normal(size=len(row)) for row in alone]
    verdict = batch_invariant(moved[:20], alone[:20], tasks[:20], moved)
    assert (verdict.fault, verdict.suspects[0].strength) == ("rows-misaligned", Strength.SEEN)
    assert batch_invariant(changed[:20], alone[:20], tasks[:20], changed).fault == "batch-dependent"
    assert batch_invariant(alone[:20], alone[:20], tasks[:20], alone).status is Status.PASSED
    assert batch_invariant(moved[:20], alone[:20], tasks[:20]).fault == "batch-dependent", "nothing to find them in"
    half = [moved[task] if task % 3 else changed[task] for task in range(20)]
    assert batch_invariant(half, alone[:20], tasks[:20], half).fault == "batch-dependent", "below 80 %"


def test_errors():
    tasks, _ = scored(2, 3)
    rows = [np.zeros(3)] * 2
    with pytest.raises(InvalidTaskError):
        batch_invariant([], [], [])
    with pytest.raises(InvalidScoresError, match="1 rows for 2"):
        batch_invariant(rows, rows[:1], tasks)
    with pytest.raises(RerankGuardError, match="tolerance=1"):
        batch_invariant(rows, rows, tasks, tolerance=1.0)
    with pytest.raises(RerankGuardError, match="max_share=1"):
        batch_invariant(rows, rows, tasks, max_share=1.0)
