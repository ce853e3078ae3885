"""Every fault of the catalogue, put into the healthy reranker: noticed, and named.

The embedded model goes through the same in `make faults`, which takes its time; here the whole catalogue takes a minute.
"""

from __future__ import annotations

import pytest

from rerank_guard.core.errors import VacuousMetricError
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce, all_injectors
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.stored import StoredRun
from rerank_guard.suite import RunSettings, SuiteRun, check_reranker

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


@pytest.fixture(scope="module")
def healthy() -> TrainedOnce:
    target = TrainedOnce(make_healthy(seed=SEED))
    assert check_reranker(target, SETTINGS).ok
    return target


@pytest.fixture(scope="module")
def reference(healthy) -> StoredRun:
    return SuiteRun(healthy, SETTINGS).as_reference("2026-01-01", timed=False)


@pytest.mark.parametrize("injector", INJECTORS, ids=lambda injector: injector.id)
def test_it_is_noticed_and_named(healthy, reference, injector):
    settings = RunSettings(seed=SEED, reference=reference if injector.needs_reference else None)
    try:
        report = check_reranker(injector.broken(healthy, seed=SEED), settings)
    except VacuousMetricError:
        assert injector.names_rightly("vacuous-metric")
        return
    assert not report.ok
    assert report.diagnosis is not None
    if injector.id in TOO_SMALL:
        assert report.diagnosis.fault == "undecided"
        return
    assert injector.names_rightly(report.diagnosis.fault), report.diagnosis
    assert report.diagnosis.cause
    assert report.diagnosis.fix
    assert report.diagnosis.explains


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
