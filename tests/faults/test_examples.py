"""Every check has an example that it fails and one that it passes; so has every fault, by a check that shows it.

All share one reranker that is trained once, and each runs no more than its check needs: some seven seconds for all.
"""

from __future__ import annotations

import pytest

from rerank_guard.checks.registry import all_checks, check_of
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.faults.data import TARGET_NOT_LISTED
from rerank_guard.core.faults.quality import REGRESSION, VACUOUS_METRIC
from rerank_guard.core.faults.scoring import LETTERS_UNLIKELY
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce, example_catalogue
from rerank_guard.faults.demonstration import Candidate, candidates_of_check, candidates_of_fault, demonstrated
from rerank_guard.faults.example import Example
from rerank_guard.faults.example_catalogue import all_examples
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.workbench import Workbench, planned_of

NAMES = [name for check in all_checks().values() for name in (check.name, *check.variants)]


@pytest.fixture(scope="module")
def workbench() -> Workbench:
    return Workbench()


@pytest.mark.parametrize("name", NAMES)
def test_a_check_fails_its_failing_example_and_passes_the_other(workbench, name):
    shown = demonstrated(candidates_of_check(name), workbench)
    assert shown is not None
    failing, passing = shown.failing.verdict, shown.passing.verdict
    assert failing.check.partition("[")[0] == passing.check.partition("[")[0] == name
    assert failing.status is Status.FAILED
    assert failing.fault in {fault.name for fault in check_of(name).can_name}
    assert failing.fault == shown.candidate.fault.name
    assert failing.cause
    assert failing.next_step
    assert passing.status is Status.PASSED


@pytest.mark.parametrize("name", all_faults())
def test_a_fault_is_shown_by_a_check_that_passes_without_it(workbench, name):
    fault = all_faults()[name]
    shown = demonstrated(candidates_of_fault(fault), workbench)
    if fault.unnamed and all(check.looks_like is not fault for check in all_checks().values()):
        assert shown is None, "only ever left open by a diagnosis"
        return
    assert shown is not None
    failing, check = shown.failing.verdict, check_of(shown.failing.verdict.check)
    assert failing.status is Status.FAILED
    if fault.unnamed:  # how a finding looks, whatever its cause
        assert check.looks_like is fault
    elif any(fault in each.can_name for each in all_checks().values()):
        assert failing.fault == name
    elif shown.failing.diagnosis is not None:  # no check names it by itself
        assert shown.failing.diagnosis.fault == name
        assert check.name in {each.partition("[")[0] for each in shown.failing.diagnosis.explains}
    else:
        assert failing.fault == name
    assert shown.passing.verdict.status is Status.PASSED


@pytest.mark.parametrize("example", all_examples(), ids=lambda each: f"{each.check}-{each.fault}")
def test_an_example_shows_its_fault(workbench, example):
    verdict = example.failing(workbench)
    assert verdict.status is Status.FAILED
    assert verdict.check.partition("[")[0] == example.check
    if example.fault in check_of(example.check).can_name:
        assert verdict.fault == example.fault.name


def test_a_check_before_training_is_shown_without_training():
    started = []
    workbench = Workbench()
    train = workbench.healthy.train
    vars(workbench.healthy)["train"] = lambda *given, **named: started.append(True) or train(*given, **named)
    for name in ("gt_in_candidates", "no_text_artifact_leak", "prompts_match", "training_planned"):
        assert demonstrated(candidates_of_check(name), workbench) is not None
    assert started == []
    assert demonstrated(candidates_of_check("scores_deterministic"), workbench) is not None
    assert started


def test_a_candidate_that_shows_nothing_is_passed_over(workbench):
    def unbroken(target, severity, rng):
        return TrainedOnce(target)

    def not_offered(target, severity, rng):
        raise NotImplementedError("nothing to break")

    harmless = Candidate("gt_in_candidates", TARGET_NOT_LISTED, Injector("X1", TARGET_NOT_LISTED, "none", unbroken))
    absent = Candidate(
        "gt_in_candidates", TARGET_NOT_LISTED, Injector("X2", TARGET_NOT_LISTED, "none", not_offered)
    )
    assert demonstrated(iter([harmless, absent]), workbench) is None
    shown = demonstrated(iter([harmless, absent, *candidates_of_fault(TARGET_NOT_LISTED)]), workbench)
    assert shown.candidate.injector_id == "D1"


def test_an_injector_that_is_refused_before_it_is_judged_is_passed_over(workbench):
    tried = [each.injector_id for each in candidates_of_fault(VACUOUS_METRIC)]
    assert {"M1a", "M1b"} <= set(tried)
    assert demonstrated(candidates_of_fault(VACUOUS_METRIC), workbench) is not None


def test_examples_come_before_injectors_that_need_a_reference_run():
    sources = [each.source for each in candidates_of_fault(REGRESSION)]
    assert isinstance(sources[0], Example)
    assert any(isinstance(each, Injector) and each.needs_reference for each in sources)


def test_two_examples_of_one_fault_by_one_check_are_refused(monkeypatch):
    module = next(
        each
        for name, each in vars(example_catalogue.examples).items()
        if any(isinstance(value, Example) for value in getattr(each, "__dict__", {}).values())
    )
    one = next(value for value in vars(module).values() if isinstance(value, Example))
    twin = Example(one.fault, one.check, "the same again", one.failing)
    monkeypatch.setattr(module, "TWIN", twin, raising=False)
    with pytest.raises(ValueError, match=one.check):
        example_catalogue.all_examples.__wrapped__()


def test_a_variant_is_planned_with_its_own_inputs():
    planned = planned_of("training_gt_in_candidates")
    assert planned.check.name == "gt_in_candidates"
    assert planned.inputs != planned_of("gt_in_candidates").inputs


def test_a_symptom_that_no_check_names_has_no_injector():
    assert all(isinstance(each.source, Example) for each in candidates_of_fault(LETTERS_UNLIKELY))
