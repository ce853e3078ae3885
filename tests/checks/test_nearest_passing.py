"""The value that is advised: the nearest with two digits that passes, in either direction."""

from __future__ import annotations

import pytest

from rerank_guard.checks._nearest_passing import nearest_passing


@pytest.mark.parametrize(
    ("start", "end", "bound", "expected"),
    [
        (0.025, 1e-6, 0.01234, 0.012),
        (0.05, 1e-6, 0.0499, 0.049),
        (0.05, 1e-6, 0.05, 0.049),
        (0.1, 1e-6, 2.5e-6, 2.5e-6),
        (0.1, 1e-6, 9e-7, None),
        (0.099, 0.01, 0.0101, 0.01),
    ],
)
def test_below(start, end, bound, expected):
    assert nearest_passing(lambda value: value <= bound, start, end) == expected


@pytest.mark.parametrize(
    ("start", "end", "bound", "expected"),
    [
        (0.05, 0.3, 0.1234, 0.13),
        (0.0, 0.3, 0.0, 1e-9),
        (0.0, 0.3, 0.007, 0.007),
        (0.05, 0.3, 0.31, None),
        (0.2, 0.2, 0.3, None),
    ],
)
def test_above(start, end, bound, expected):
    assert nearest_passing(lambda value: value >= bound, start, end) == expected


def test_few_values_are_tried():
    tried = []
    nearest_passing(lambda value: bool(tried.append(value)) or value < 1e-3, 0.9, 1e-6)
    assert len(tried) <= 10
