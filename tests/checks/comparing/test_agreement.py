"""Whether scores of any scale are those that logits predict: by distance, by order, and up to noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from rerank_guard.checks.comparing.agreement import agreement


def one(scores, logits):
    """The figures of a single task."""
    found = agreement([np.array(scores, dtype=float)], [np.array(logits, dtype=float)])
    return {
        name: float(getattr(found, name)[0])
        for name in ("apart", "compared", "discordant", "tied", "change", "spread")
    }


def test_the_figures_of_a_pair_of_rows():
    logits = [3.0, 1.5, 1.0, -2.0]
    exact = one(logits, logits)
    # 3 against 1.5, 1 and -2; 1.5 and 1 against -2
    assert exact == {"apart": 0.0, "compared": 5.0, "discordant": 0.0, "tied": 0.0, "change": 0.0, "spread": 5.0}
    swapped = one([1.5, 3.0, 1.0, -2.0], logits)
    assert swapped["discordant"] == pytest.approx(1 / 5)
    tied = one([3.0, 1.5, -2.0, -2.0], logits)
    assert tied["tied"] == pytest.approx(1 / 5)
    p, q = softmax([1.5, 3.0, 1.0, -2.0]), softmax(logits)
    assert swapped["apart"] == pytest.approx(np.abs(p - q).sum() / 2)
    assert swapped["change"] == pytest.approx(1.5)


def test_the_margin_is_a_quarter_of_a_narrow_range():
    assert one([0, 0, 0], [1.0, 0.7, 0.0])["compared"] == 3.0  # 0.3, 0.7 and 1 are above 0.25
    assert one([0, 0, 0], [8.0, 7.1, 0.0])["compared"] == 2.0  # 0.9 is below 1


def test_ties_of_what_is_too_unlikely_to_be_seen_do_not_count():
    assert one([5.0, 0.0, 0.0], [5.0, -9.0, -11.0])["tied"] == 0.0
    assert one([5.0, 0.0, 0.0], [5.0, -4.0, -6.0])["tied"] == pytest.approx(1 / 3)
    for probability, share in ((0.9e-6, 0.0), (1.1e-6, 1 / 3)):
        low = np.log(probability)
        assert one([5.0, 0.0, 0.0], [0.0, low + 2.0, low])["tied"] == pytest.approx(share)


def test_a_common_shift_is_no_change():
    found = one([0.0, 0.0, 0.0, 0.25, 0.25], [0.0] * 5)
    assert found["change"] == pytest.approx(0.25)


def test_logits_that_are_all_infinite_predict_nothing():
    assert one([1.0, 1.0], [-np.inf, -np.inf])["apart"] == 1.0


@pytest.mark.parametrize(("n_swapped", "matched"), [(24, True), (25, False)])
def test_two_percent_of_the_clear_pairs_may_be_discordant(n_swapped, matched):
    logits = 1.2 * np.arange(50)  # all 1225 pairs are clear
    order = np.arange(50)
    for pair in range(n_swapped):
        order[[2 * pair, 2 * pair + 1]] = order[[2 * pair + 1, 2 * pair]]
    found = agreement([logits[order]], [logits])
    assert found.discordant[0] == pytest.approx(n_swapped / 1225)
    assert found.matched(0.0).tolist() == [matched]


@pytest.mark.parametrize(("n_level", "matched"), [(14, True), (15, False)])
def test_five_percent_of_the_clear_pairs_may_tie(n_level, matched):
    logits = 0.24 * np.arange(50)  # pairs of 5 and more positions apart are clear: 1035
    scores = np.where(np.arange(50) < n_level, logits[:n_level].mean(), logits)
    found = agreement([scores], [logits])
    assert found.tied[0] == pytest.approx((n_level - 5) * (n_level - 4) / 2 / 1035)
    assert found.matched(0.0).tolist() == [matched]


@pytest.mark.parametrize(
    "scale",
    [
        lambda rows: rows,
        lambda rows: [row + 7.0 for row in rows],
        lambda rows: [softmax(row) for row in rows],
        lambda rows: [1e-3 * softmax(row) for row in rows],
        lambda rows: [row / 4.0 for row in rows],
        lambda rows: [3.0 * row for row in rows],
    ],
    ids=["logits", "shifted", "probabilities", "over the vocabulary", "hot", "cold"],
)
def test_all_scales_that_can_be_undone_are_at_no_distance(scale):
    rng = np.random.default_rng(0)
    rows = [rng.normal(scale=2.0, size=n) for n in (3, 20, 5, 20)]
    found = agreement(scale(rows), rows)
    assert found.apart == pytest.approx(0.0, abs=1e-12)
    assert found.change == pytest.approx(0.0, abs=1e-9)


def test_a_multiple_is_not_fitted_to_scores_that_are_not_alike():
    rng = np.random.default_rng(0)
    rows = [0.05 * rng.normal(size=20) for _ in range(10)]
    other = [5.0 * rng.normal(size=20) for _ in range(10)]
    assert agreement(other, rows).apart.mean() > 0.5, "a multiple near 0 would be as flat"


def test_a_row_with_a_nan_agrees_with_nothing_and_leaves_the_others():
    rows = [np.array([1.0, 2.0, 5.0]), np.array([3.0, 0.0])]
    found = agreement([np.array([1.0, np.nan, 5.0]), rows[1]], rows)
    assert found.apart.tolist() == [1.0, 0.0]
    assert found.discordant.tolist() == [1.0, 0.0]
    assert np.isinf(found.change[0])
    assert found.matched(0.5).tolist() == [False, True]


@pytest.mark.parametrize(
    ("scores", "logits", "matched"),
    [
        ([9.0, 2.0, 1.0], [9.0, 5.0, 0.0], True),  # the order
        ([9.0, 1.0, 2.0], [9.0, 5.0, 0.0], False),
        ([9.0, 5.0, 5.0], [9.0, 5.0, 0.0], False),  # a clear pair that ties
        ([1.0, 0.0, 0.9], [1.2, 0.8, 0.0], False),  # flat, and apart
        ([2.0, 0.9, 1.0], [2.0, 1.0, 0.9], True),  # near-ties may change places
        ([0.0, 0.25, 0.1], [0.2, 0.0, 0.1], True),  # flatter than 1 nat, within 0.3 nats
        ([0.0, 0.6, 0.1], [0.2, 0.0, 0.1], False),
        ([0.0, 0.0, 0.0, 0.29, 0.29], [0.0] * 5, True),  # apart by 0.07
        ([0.0, 0.0, 0.0, 0.31, 0.31], [0.0] * 5, False),
    ],
)
def test_a_task_matches_by_order_or_where_flat_by_distance_or_noise(scores, logits, matched):
    found = agreement([np.array(scores)], [np.array(logits)])
    assert found.matched(0.05).tolist() == [matched]


def test_many_rows_of_one_length_are_compared_in_blocks():
    rng = np.random.default_rng(0)
    logits = [rng.normal(scale=2.0, size=50) for _ in range(400)]  # more than are compared at once
    scores = [row + 0.3 * rng.normal(size=50) for row in logits]
    found = agreement(scores, logits)
    for task in (0, 163, 164, 399):
        clear = logits[task][:, None] - logits[task][None, :] > 1.0
        assert found.compared[task] == clear.sum()
        other_way = scores[task][:, None] < scores[task][None, :]
        assert found.discordant[task] == pytest.approx((clear & other_way).sum() / clear.sum())
