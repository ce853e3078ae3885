"""One scale for all kinds of scores, and the distance of two rows on it."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import log_softmax
from rerank_guard.checks.comparing.probability_rows import (
    are_given_as_probabilities,
    is_probability_row,
    letter_probabilities,
    probability_rows,
    total_variation,
    total_variations,
)
from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.core.errors import InvalidScoresError


def test_logits_log_probabilities_and_probabilities_agree():
    row = np.array([2.0, -1.0, 0.5, 7.0])
    expected = np.exp(row) / np.exp(row).sum()
    for given in (row, row + 30.0, log_softmax(row), expected):
        assert letter_probabilities(given) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.0, -np.inf], [1.0, 0.0]),
        ([-np.inf, -np.inf], [0.5, 0.5]),
        ([np.inf, 3.0], [1.0, 0.0]),
        ([np.inf, np.inf, 3.0], [0.5, 0.5, 0.0]),
        ([1e4, 0.0], [1.0, 0.0]),
        ([0.9995, 0.0], [1.0, 0.0]),
        ([3.0], [1.0]),
    ],
)
def test_odd_rows(row, expected):
    assert letter_probabilities(np.array(row)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ([0.2, 0.8], True),
        ([0.2, 0.809], True),
        ([0.2, 0.811], False),
        ([1.2, -0.2], False),
        ([np.nan, 1.0], False),
        ([np.inf, -np.inf], False),
    ],
)
def test_a_row_of_probabilities_is_not_negative_and_sums_to_one_within_a_hundredth(row, holds):
    assert is_probability_row(np.array(row)) is holds


def test_a_nan_spoils_its_row_only():
    rows, again = probability_rows([np.array([0.2, 0.8]), np.array([np.nan, 1.0])], [np.array([0.3, 0.7])] * 2)
    assert rows[0] == pytest.approx([0.2, 0.8])
    assert np.isnan(rows[1]).all()
    assert again[0] == pytest.approx([0.3, 0.7])


def test_logits_that_sum_to_one_by_chance_are_read_like_the_others():
    first, again = probability_rows([np.array([0.4, 0.6])], [np.array([0.4, 0.605])])
    assert first[0] == pytest.approx([0.4, 0.6])
    first, again = probability_rows([np.array([0.4, 0.6])], [np.array([0.4, 0.9])])
    assert first[0] == pytest.approx(np.exp([0.4, 0.6]) / np.exp([0.4, 0.6]).sum())
    assert total_variation(first[0], again[0]) < 0.1
    assert not are_given_as_probabilities(ragged([np.array([0.4, 0.6])]), ragged([np.array([0.4, 0.9])]))


@pytest.mark.parametrize(
    ("p", "q", "distance"),
    [
        ([1.0, 0.0], [0.0, 1.0], 1.0),
        ([0.5, 0.5], [0.5, 0.5], 0.0),
        ([0.6, 0.4], [0.5, 0.5], 0.1),
        ([9.0, 0.0], [0.0, 0.0], 1.0),
        ([np.nan, np.nan], [0.5, 0.5], 1.0),
        ([0.5, 0.5], [np.nan, np.nan], 1.0),
        ([np.nan, np.nan], [np.nan, np.nan], 0.0),
    ],
)
def test_total_variation(p, q, distance):
    assert total_variation(np.array(p), np.array(q)) == pytest.approx(distance)
    beside = [np.array([0.3, 0.3, 0.4])]
    both = total_variations(ragged([np.array(p), *beside]), ragged([np.array(q), *beside]))
    assert both == pytest.approx([distance, 0.0])


def test_rows_of_other_lengths_cannot_be_compared():
    with pytest.raises(InvalidScoresError, match=r"shapes \(3,\) and \(2,\)"):
        total_variation(np.zeros(3), np.zeros(2))
