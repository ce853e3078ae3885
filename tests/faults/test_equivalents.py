"""Changes that are no fault: the reranker is another one, and stays healthy in the eyes of every check."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.faults import TrainedOnce, all_equivalents
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import check_reranker


@pytest.fixture(scope="module")
def healthy() -> TrainedOnce:
    return TrainedOnce(make_healthy())


@pytest.mark.parametrize("equivalent", all_equivalents(), ids=lambda equivalent: equivalent.name)
def test_no_check_fails_for_an_equivalent_change(equivalent, healthy):
    changed = equivalent.apply(healthy, np.random.default_rng(2))
    report = check_reranker(changed)
    assert [(verdict.check, verdict.cause) for verdict in report.verdicts if not verdict.ok] == []
    if equivalent.name == "scores-scaled":
        row, scaled = healthy.score(healthy.tasks()[:1])[0], changed.score(healthy.tasks()[:1])[0]
        np.testing.assert_allclose(scaled, 3.0 * row + 7.0)
    else:
        assert changed.tasks() != healthy.tasks(), "it changes something"
