"""Every fault of the catalogue, put into a numpy reranker that trains in a third of a second: caught, and named.

The embedded model goes through the same in `make zoo`, which takes its time; here the whole catalogue takes half a minute.
"""

from __future__ import annotations

import numpy as np
import pytest

from guard.fake_reranker import make
from rerank_guard.errors import VacuousMetricError
from rerank_guard.faults import TrainedOnce, all_equivalents, all_faults
from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.suite.session import SuiteSession
from rerank_guard.verdict import Status

SEED = 0

TIMED = {"B3"}
"""Its gate holds clocks against each other; `tests/guard/test_check_throughput.py` gives it the times."""

TOO_SMALL = {"B2"}
"""30 % label noise costs less than 400 users can prove: noticed, and left undecided."""

FAULTS = [fault for fault in all_faults() if fault.zoo_id not in TIMED]


@pytest.fixture(scope="module")
def sound():
    return TrainedOnce(make(seed=SEED))


@pytest.fixture(scope="module")
def sound_report(sound) -> Report:
    return check_reranker(sound, seed=SEED)


def test_the_sound_twin_passes_every_gate(sound_report):
    assert {
        verdict.check: verdict.status.value
        for verdict in sound_report.verdicts
        if verdict.status is not Status.PASSED
    } == {}
    assert sound_report.diagnosis is None


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.zoo_id for fault in FAULTS])
def test_it_is_caught_and_named(sound, sound_report, fault):
    assert sound_report.ok
    stored = None
    if fault.needs_stored:
        session = SuiteSession(sound, seed=SEED)
        session.throughput = lambda: None
        stored = session.stored_run("2026-01-01")
    try:
        report = check_reranker(fault.broken(sound, seed=SEED), seed=SEED, stored=stored)
    except VacuousMetricError:
        assert fault.names_rightly("vacuous-metric")
        return
    assert not report.ok
    assert report.diagnosis is not None
    if fault.zoo_id in TOO_SMALL:
        assert report.diagnosis.fault == "undecided"
        return
    assert fault.names_rightly(report.diagnosis.fault), report.diagnosis
    assert report.diagnosis.cause
    assert report.diagnosis.fix
    assert report.diagnosis.explains


@pytest.mark.parametrize("equivalent", all_equivalents(), ids=lambda equivalent: equivalent.name)
def test_what_changes_nothing_raises_nothing(sound, equivalent):
    report = check_reranker(equivalent.apply(sound, np.random.default_rng(SEED)), seed=SEED)
    assert [verdict.check for verdict in report.verdicts if not verdict.ok] == []


STATIC = [f for f in FAULTS if f.zoo_id in {"D1", "D4", "D6", "T1", "T6b", "D8", "O4a", "O5", "O7a", "O1a"}]


@pytest.mark.parametrize("fault", STATIC, ids=[fault.zoo_id for fault in STATIC])
def test_static_faults_are_named_before_the_first_training_step(fault):
    broken = fault.broken(make(seed=SEED), seed=SEED)
    started = []
    train = broken.train
    broken.train = lambda progress, monitor=None: started.append(True) or train(progress, monitor=monitor)
    report = check_reranker(broken, seed=SEED)
    assert started == []
    assert report.diagnosis is not None
    assert fault.names_rightly(report.diagnosis.fault)
    assert any(verdict.status is Status.NOT_RUN for verdict in report.verdicts)
