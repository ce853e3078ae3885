"""What the scores' own shape says of a mismatch: from how many tasks and candidates on, and how near."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.comparing.agreement import agreement
from rerank_guard.checks.comparing.score_shapes import listed_order_tail, same_for_all, shape_fault


def shape(scores, plain, *, unmatched=None, tolerance=0.05):
    """The name of the fault and the words; (None, "") where no shape is seen."""
    mask = np.ones(len(scores), dtype=bool) if unmatched is None else np.array(unmatched)
    found = shape_fault(scores, plain, agreement(scores, plain), mask, tolerance)
    return (None, "") if found is None else (found[0].name, found[1])


def normal(n_tasks, n, seed=0, scale=2.0):
    return list(np.random.default_rng(seed).normal(scale=scale, size=(n_tasks, n)))


@pytest.mark.parametrize(("n_constant", "fault"), [(8, "silent-fallback"), (7, None)])
def test_four_of_five_unmatched_tasks_have_to_show_it(n_constant, fault):
    plain, other = normal(20, 6), normal(20, 6, seed=1)
    scores = [np.zeros(6)] * n_constant + other[n_constant:10] + plain[10:]
    assert shape(scores, plain, unmatched=[True] * 10 + [False] * 10)[0] == fault


@pytest.mark.parametrize(
    ("row", "tail"), [([5, 4, 3], 3), ([1, 2, 3], 1), ([1, 9, 8, 0.5], 2), ([1, 1, 1], 3), ([2, 9, 1, 8], 2)]
)
def test_the_tail_in_the_order_of_the_list(row, tail):
    assert listed_order_tail(np.array(row, dtype=float)) == tail


def appended(rng, n, n_kept):
    """Logits, and the best `n_kept` with the rest below them in the order of the list."""
    plain = rng.normal(scale=3.0, size=n)
    order = np.argsort(-plain)
    # the lowest that is kept is listed last, so that it does not lengthen the tail
    plain[[order[n_kept - 1], n - 1]] = plain[[n - 1, order[n_kept - 1]]]
    order = np.argsort(-plain)
    scores = plain.copy()
    lost = np.sort(order[n_kept:])
    scores[lost] = plain[order[n_kept - 1]] - 0.1 * (1.0 + np.arange(len(lost)))
    return plain, scores


@pytest.mark.parametrize(("n_kept", "fault"), [(8, "silent-fallback"), (9, None), (1, "silent-fallback")])
def test_appended_candidates_are_at_least_four(n_kept, fault):
    made = [appended(np.random.default_rng(seed), 12, n_kept) for seed in range(10)]
    assert shape([scores for _, scores in made], [plain for plain, _ in made])[0] == fault


@pytest.mark.parametrize(("n_swapped", "fault"), [(3, "ties-decide"), (4, "letter-candidate-mismatch")])
def test_rounding_leaves_the_order_but_for_two_percent_of_the_pairs(n_swapped, fault):
    """A run of seven reversed and some neighbours exchanged: 21 + 3 of 1225 pairs; and two ties among the lowest."""
    plain = 1.2 * np.arange(50)
    order = np.arange(50)
    order[10:17] = order[10:17][::-1]
    for pair in range(n_swapped):
        order[[20 + 2 * pair, 21 + 2 * pair]] = order[[21 + 2 * pair, 20 + 2 * pair]]
    scores = plain[order]
    scores[[1, 3]] = scores[[0, 2]]
    positions = np.random.default_rng(0).permutation(50)
    assert shape([scores[positions]] * 5, [plain[positions]] * 5)[0] == fault


def test_one_value_that_ties_in_sight_is_rounding_too():
    plain = [np.array([2.0, 1.0, 0.5, -1.0, -2.5, 0.0])] * 3
    scores = [np.where(row < 0.0, -1.0, row) for row in plain]
    assert shape(scores, plain)[0] == "ties-decide"


@pytest.mark.parametrize(("noise", "fault"), [(0.25, "letter-candidate-mismatch"), (0.7, None)])
def test_one_order_for_all_has_to_come_five_times_nearer(noise, fault):
    rng = np.random.default_rng(0)
    plain = normal(10, 8)
    order = rng.permutation(8)
    scores = [row[order] + noise * rng.normal(size=8) for row in plain]
    found, says = shape(scores, plain, tolerance=0.3)
    assert found == fault
    if fault:
        assert ", ".join(map(str, order)) in says


@pytest.mark.parametrize(
    ("n_tasks", "n", "fault"), [(3, 3, "letter-candidate-mismatch"), (2, 3, None), (3, 2, None)]
)
def test_one_order_for_all_takes_three_tasks_of_three_candidates(n_tasks, n, fault):
    plain = normal(n_tasks, n, seed=3)
    assert shape([np.roll(row, 1) for row in plain], plain)[0] == fault


@pytest.mark.parametrize(("off", "fault"), [(0.08, "letter-candidate-mismatch"), (0.12, None)])
def test_values_in_another_order_are_within_a_hundredth_of_the_range(off, fault):
    rng = np.random.default_rng(0)
    values = np.arange(10.0)
    near = values + off * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1, 0])
    plain = [rng.permutation(values) for _ in range(10)]
    scores = [rng.permutation(near) for _ in range(10)]
    assert shape(scores, plain)[0] == fault


@pytest.mark.parametrize(("n_tasks", "fault"), [(10, "silent-fallback"), (9, None)])
def test_the_input_order_of_all_takes_ten_tasks(n_tasks, fault):
    rng = np.random.default_rng(0)
    scores = [-np.cumsum(0.1 + rng.random(6)) for _ in range(n_tasks)]
    assert shape(scores, normal(n_tasks, 6))[0] == fault


@pytest.mark.parametrize(("off", "holds"), [(0.0099, True), (0.0101, False)])
def test_rows_are_the_same_for_all_within_a_hundredth(off, holds):
    rows = [np.array([0.5 + off, 0.5 - off]), np.array([0.5 - off, 0.5 + off]), np.array([0.5, 0.5])]
    assert same_for_all(rows) is holds
    assert same_for_all(rows[:2]) is False, "two rows say nothing"
    others = [np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.3, 0.2])]
    assert same_for_all([*rows, *others]) is False, "of another N, and different"
    assert same_for_all([*rows, others[0]]) is holds


def test_one_row_where_the_forward_pass_differs_is_a_position_prior():
    plain = normal(5, 6)
    row = np.array([0.3, 2.0, 1.0, -1.0, 0.4, 0.1])
    assert shape([row] * 5, plain)[0] == "position-prior"
    assert shape([row] * 5, [2.0 * np.roll(row, 3)] * 5)[0] != "position-prior", (
        "the forward pass is the same for all too"
    )


def test_rows_of_other_tasks_are_found_whatever_their_order():
    plain = normal(12, 6)
    scores = [plain[(5 * task + 3) % 12] for task in range(12)]
    assert shape(scores, plain)[0] == "rows-misaligned"
    two = [row[:2] for row in plain]
    assert shape([two[(5 * task + 3) % 12] for task in range(12)], two)[0] is None, "two values are near to many"
