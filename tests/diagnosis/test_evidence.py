"""What the verdicts of a run exclude, and figures that are asked for by name."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from diagnosis.patterns import MINIMAL, bare
from diagnosis.recorded_verdicts import pattern, verdicts_of
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault_catalogue import all_faults, fault_named
from rerank_guard.core.faults.data import TARGET_POSITION_SKEW
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.diagnosis.evidence import Evidence, figure, ruling_out

EXCLUDABLE = [fault for fault in all_faults().values() if ruling_out(fault)]
HEALTHY = pattern({})


def changed(verdicts, check, **fields):
    return [replace(verdict, **fields) if verdict.check == check else verdict for verdict in verdicts]


@pytest.mark.parametrize("fault", EXCLUDABLE, ids=str)
def test_a_fault_is_excluded_where_every_check_that_rules_it_out_passed(fault):
    names = ruling_out(fault)
    verdicts = [Verdict(name, Status.PASSED, "claim", {}, {}, 1) for name in names]
    assert Evidence(verdicts).excludes(fault)
    assert Evidence(verdicts).settled_by(fault) == ""
    for name in names:
        for status in Status:
            if status is not Status.PASSED:
                assert not Evidence(changed(verdicts, name, status=status)).excludes(fault), (name, status)
        assert not Evidence([verdict for verdict in verdicts if verdict.check != name]).excludes(fault)
        assert not Evidence(verdicts, tolerant=[name]).excludes(fault), "it may have tolerated it"


def test_a_fault_that_no_check_rules_out_is_never_excluded():
    for fault in all_faults().values():
        if not ruling_out(fault):
            assert not Evidence(HEALTHY).excludes(fault), fault
    assert ruling_out(fault_named("batch-dependent"), [Stage.DATA]) == []
    assert not Evidence(HEALTHY).excludes(fault_named("batch-dependent"), [Stage.DATA])


def test_only_the_stages_asked_for_count():
    fault, stages = next(
        (fault, {all_checks()[name].stage for name in ruling_out(fault)})
        for fault in EXCLUDABLE
        if len({all_checks()[name].stage for name in ruling_out(fault)}) > 1
    )
    first, *_ = sorted(stages)
    judged = [
        Verdict(name, Status.PASSED if check.stage is first else Status.NOT_RUN, "claim", {}, {}, 1)
        for name, check in all_checks().items()
    ]
    assert Evidence(judged).excludes(fault, [first])
    assert not Evidence(judged).excludes(fault)


def test_what_decides_is_the_first_check_that_has_not_judged_with_its_own_advice():
    fault = TARGET_POSITION_SKEW
    (name,) = ruling_out(fault)
    assert Evidence([]).settled_by(fault) == f"run {name}"
    silent = Verdict(name, Status.NOT_APPLICABLE, "claim", {}, {}, 0, next_step="add tasks()")
    assert Evidence([silent]).settled_by(fault) == "add tasks()"
    assert name in Evidence([replace(silent, status=Status.NOT_RUN)]).settled_by(fault)
    assert Evidence([replace(silent, status=Status.NOT_RUN)]).settled_by(fault) != "add tasks()"
    for status in (Status.PASSED, Status.FAILED, Status.INCONCLUSIVE):
        assert Evidence([replace(silent, status=status)]).settled_by(fault) == ""


def test_a_check_has_passed_where_it_did_at_every_cutoff_and_in_every_variant():
    several = Evidence(verdicts_of("healthy-several-cutoffs"))
    assert len(several.of("recall_beats_baseline")) == 3
    assert several.passed("recall_beats_baseline")
    one_not = changed(several.verdicts, several.of("recall_beats_baseline")[1].check, status=Status.INCONCLUSIVE)
    assert not Evidence(one_not).passed("recall_beats_baseline")
    assert not Evidence([]).passed("recall_beats_baseline")
    for name, check in all_checks().items():
        for variant in check.variants:
            both = [Verdict(each, Status.PASSED, "claim", {}, {}, 1) for each in (name, variant)]
            assert Evidence(both).passed(name)
            assert not Evidence(changed(both, variant, status=Status.FAILED)).passed(name)
            assert Evidence(both).of(variant) == [], "variants are found under the check's own name"


def test_a_check_is_judged_where_one_verdict_says_something():
    evidence = Evidence(pattern({}, only=MINIMAL))
    assert evidence.judged("recall_beats_baseline")
    assert not evidence.judged("batch_invariant")
    assert not evidence.judged("a_check_that_is_not_there")
    for status in Status:
        judged = Evidence([Verdict("batch_invariant", status, "claim", {}, {}, 1)]).judged("batch_invariant")
        assert judged is (status in (Status.PASSED, Status.FAILED, Status.INCONCLUSIVE))


def test_failed_verdicts_are_asked_for_by_fault():
    evidence = Evidence(pattern({"recall_beats_baseline": "no-signal"}))
    reversed_, no_signal = fault_named("reversed"), fault_named("no-signal")
    assert len(evidence.failed("recall_beats_baseline")) == 1
    assert len(evidence.failed("recall_beats_baseline", reversed_, no_signal)) == 1
    assert evidence.failed("recall_beats_baseline", reversed_) == []
    assert evidence.failed("batch_invariant") == []
    undecided = Evidence(pattern({}, inconclusive=("recall_beats_baseline",)))
    assert undecided.failed("recall_beats_baseline") == []


def test_a_job_has_learned_where_the_check_of_its_loss_passed():
    assert Evidence(HEALTHY).learned() in HEALTHY
    assert Evidence(pattern({"loss_below_random": "no-signal"})).learned() is None
    assert Evidence(pattern({}, missing=("loss_below_random",))).learned() is None


def test_a_check_of_the_users_own_is_found_under_its_name():
    assert len(Evidence([bare("my_check")]).failed("my_check")) == 1


# ---- figures

JUDGED = Verdict("a_check", Status.PASSED, "claim", {"a": 1, "b": None, "c": "text", "d": True}, {"a": 0.5}, 1)


def test_figures_are_numbers_or_nan():
    assert figure(JUDGED, "a") == 1.0
    assert figure(JUDGED, "a", of_threshold=True) == 0.5
    assert figure(JUDGED, "d") == 1.0
    assert math.isnan(figure(JUDGED, "b"))
    assert math.isnan(figure(JUDGED, "c"))
    assert figure(JUDGED, "a", default=7.0) == 1.0


@pytest.mark.parametrize(("name", "of_threshold"), [("aa", False), ("b", True)])
def test_a_figure_that_the_verdict_does_not_have_is_an_error_unless_it_has_a_default(name, of_threshold):
    with pytest.raises(UnknownNameError, match="a_check"):
        figure(JUDGED, name, of_threshold=of_threshold)
    assert figure(JUDGED, name, of_threshold=of_threshold, default=7.0) == 7.0


def test_a_verdict_without_figures_has_none_to_ask_for():
    assert math.isnan(figure(bare("a_check"), "a"))
    assert figure(bare("a_check"), "a", default=7.0) == 7.0
