"""Case 28: a job at chance shows that nothing was learned; it does not show that the data have no rule."""

from __future__ import annotations

import pytest

from rerank_guard.core.diagnosis import Certainty
from rerank_guard.faults import injector
from rerank_guard.faults.healthy import HealthyReranker
from rerank_guard.suite import RunSettings, check_reranker


@pytest.mark.parametrize("n_test", [120, 300])
def test_a_base_that_cannot_learn_it_is_among_what_fits(n_test: int) -> None:
    """Labels that are permuted among the users give the same trace as a rule that this base cannot learn."""
    broken = injector("D10").broken(HealthyReranker(n_test=n_test), seed=0)
    report = check_reranker(broken, RunSettings(continue_after_failure=True))
    diagnosis = report.diagnosis
    assert diagnosis is not None
    assert diagnosis.fault == "no-signal"
    assert diagnosis.certainty is Certainty.OPEN
    assert "no rule in it" not in diagnosis.cause
    assert "may have no rule, or this base cannot learn it in these steps" in diagnosis.cause
    assert any(row.startswith("base-cannot-learn: ") for row in diagnosis.alternatives)
