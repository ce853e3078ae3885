"""The faults that were added to the catalogue: each is caught and named on the numpy reranker, at several severities."""

from __future__ import annotations

import pytest
from judged_variants import trained

from rerank_guard.faults import injector
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import RunSettings, check_reranker

ADDED = ("O12a", "O12b", "S10", "S11a", "S11b", "D13", "D14", "D16a", "D16b", "P5a", "P5b", "P5c")


@pytest.mark.parametrize("injector_id", ADDED)
def test_it_is_caught_and_named(injector_id):
    one = injector(injector_id)
    report = check_reranker(one.broken(trained(), seed=1), RunSettings(seed=1))
    assert not report.ok
    assert one.names_rightly(report.diagnosis.fault), report.diagnosis


def test_an_optimiser_of_other_weights_is_named():
    one = injector("O13")
    report = check_reranker(one.broken(make_healthy(1)), RunSettings(seed=1))
    assert report.diagnosis.fault == "no-update"


@pytest.mark.parametrize("severity", [0.25, 1.0])
def test_renamed_test_examples_are_found_at_any_share(severity):
    report = check_reranker(injector("D14").broken(trained(), severity=severity), RunSettings(seed=0))
    assert report.diagnosis.fault == "split-overlap"
