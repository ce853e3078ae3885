"""One scale for all kinds of scores, and the explanation that comes closest."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import log_softmax
from rerank_guard.checks.explain import explain_scores, letter_probabilities, probability_rows, total_variation
from rerank_guard.errors import InvalidScoresError


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
        ([1e4, 0.0], [1.0, 0.0]),
        ([0.9995, 0.0], [1.0, 0.0]),
    ],
)
def test_odd_rows(row, expected):
    assert letter_probabilities(np.array(row)) == pytest.approx(expected)


def test_a_nan_spoils_its_row_only():
    rows, again = probability_rows([np.array([0.2, 0.8]), np.array([np.nan, 1.0])], [np.array([0.3, 0.7])] * 2)
    assert rows[0] == pytest.approx([0.2, 0.8])
    assert np.isnan(rows[1]).all()
    assert again[0] == pytest.approx([0.3, 0.7])


def test_logits_that_sum_to_one_by_chance_are_read_like_the_others():
    first, again = probability_rows([np.array([0.4, 0.6])], [np.array([0.4, 0.61])])
    assert total_variation(first[0], again[0]) < 0.01


@pytest.mark.parametrize(
    ("p", "q", "distance"),
    [
        ([1.0, 0.0], [0.0, 1.0], 1.0),
        ([0.5, 0.5], [0.5, 0.5], 0.0),
        ([0.6, 0.4], [0.5, 0.5], 0.1),
        ([np.nan, np.nan], [0.5, 0.5], 1.0),
        ([np.nan, np.nan], [np.nan, np.nan], 0.0),
    ],
)
def test_total_variation(p, q, distance):
    assert total_variation(np.array(p), np.array(q)) == pytest.approx(distance)


def test_the_nearest_explanation_comes_first():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=6) for _ in range(20)]
    found = explain_scores(
        rows, {"reversed": [-row for row in rows], "as they are": [log_softmax(row) for row in rows]}
    )
    assert [name for name, _ in found] == ["as they are", "reversed"]
    assert found[0][1] == pytest.approx(0.0, abs=1e-12)
    assert found[1][1] > 0.3


def test_errors_show_the_value():
    with pytest.raises(InvalidScoresError, match="no scores"):
        explain_scores([], {})
    with pytest.raises(InvalidScoresError, match="'other' has 2 rows for 1 users"):
        explain_scores([np.zeros(3)], {"other": [np.zeros(3)] * 2})
    with pytest.raises(InvalidScoresError, match=r"shapes \(3,\) and \(2,\)"):
        total_variation(np.zeros(3), np.zeros(2))
