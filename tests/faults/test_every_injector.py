"""Every fault of the catalogue, put into the healthy reranker: noticed, and named.

The embedded model goes through the same in `make faults`, which takes its time; here the whole catalogue is judged on the numpy reranker.
"""

from __future__ import annotations

import pytest

from recorded import data
from rerank_guard.core.verdict import Status
from rerank_guard.faults import all_injectors
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import RunSettings, check_reranker

SEED = 0
SETTINGS = RunSettings(seed=SEED)

TIMED = {"B3"}
"""Its check compares clocks; `tests/checks/quality/test_no_slowdown.py` gives it the times."""

TOO_SMALL = {"B2"}
"""30 % label noise costs less than 400 users can prove: noticed, and left undecided."""

INJECTORS = [injector for injector in all_injectors() if injector.id not in TIMED]
STATIC = [
    injector
    for injector in INJECTORS
    if injector.id in {"D1", "D4", "D6", "T1", "T6b", "D8", "O4a", "O5", "O7a", "O1a"}
]


RECORDED = data.load("healthy", "faults")


@pytest.mark.parametrize("injector", INJECTORS, ids=lambda injector: injector.id)
def test_it_is_noticed_and_named(injector):
    """By its record, which `tests/recorded` compares with what the suite says now."""
    record = RECORDED[injector.id]
    if record["raised"]:
        assert injector.names_rightly("vacuous-metric")
        assert "VacuousMetricError" in str(record["raised"])
        return
    diagnosis = record["diagnosis"]
    assert diagnosis is not None
    if injector.id in TOO_SMALL:
        assert diagnosis["fault"] == "undecided"
        return
    assert injector.names_rightly(diagnosis["fault"]), diagnosis
    assert diagnosis["explains"]


@pytest.mark.parametrize("injector", STATIC, ids=lambda injector: injector.id)
def test_static_faults_are_named_before_the_first_training_step(injector):
    broken = injector.broken(make_healthy(seed=SEED), seed=SEED)
    started = []
    train = broken.train
    broken.train = lambda progress, monitor=None: started.append(True) or train(progress, monitor=monitor)
    report = check_reranker(broken, SETTINGS)
    assert started == []
    assert report.diagnosis is not None
    assert injector.names_rightly(report.diagnosis.fault)
    assert any(verdict.status is Status.NOT_RUN for verdict in report.verdicts)
