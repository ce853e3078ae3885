"""`assert_passed` and `assert_report_ok` raise with what is wrong as text, and return what they were given otherwise."""

from __future__ import annotations

import pytest

from diagnosis.patterns import CHANCE
from diagnosis.recorded_verdicts import pattern
from guard.builders import make_task
from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Finding, suspect
from rerank_guard.core.report import Report, RunError, Subject
from rerank_guard.core.verdict import Status
from rerank_guard.core.wording import worded
from rerank_guard.diagnosis import diagnose
from rerank_guard.report.assertions import assert_passed, assert_report_ok


@pytest.mark.parametrize("status", Status)
def test_any_verdict_is_asserted(status):
    suspects = (suspect(HISTORY_LEAK, "why not"),) if status is Status.FAILED else ()
    verdict = worded(Finding(status, suspects=suspects, cause="why not"), check="my_own", claim="the claim")
    if status is Status.PASSED:
        assert assert_passed(verdict) is verdict
        return
    with pytest.raises(AssertionError) as caught:
        assert_passed(verdict)
    for shown in ("my_own", "why not", "the claim", *(each.fault.name for each in suspects)):
        assert shown in str(caught.value)


def test_a_check_is_asserted_as_it_is_called():
    verdict = assert_passed(gt_in_candidates([make_task(1, 5)]))
    assert (verdict.check, verdict.status) == ("gt_in_candidates", Status.PASSED)
    with pytest.raises(AssertionError, match="target-not-listed"):
        assert_passed(gt_in_candidates([make_task(None, 5)]))


def report_of(verdicts, *errors) -> Report:
    return Report(Subject("mine", "films", "cpu", 0, {}, {}), tuple(verdicts), errors, diagnose(verdicts))


def test_a_report_that_is_ok_is_returned():
    report = report_of(pattern({}))
    assert assert_report_ok(report) is report


def test_a_report_with_failures_is_raised_with_diagnosis_and_all_problems():
    report = report_of(pattern({"gt_in_candidates": "target-not-listed", **CHANCE}))
    with pytest.raises(AssertionError) as caught:
        assert_report_ok(report)
    told = str(caught.value)
    assert report.diagnosis is not None
    assert "DIAGNOSIS" in told
    assert report.diagnosis.fault in told
    assert len(report.problems) > 1
    for problem in report.problems:
        assert f"({problem.check})" in told


def test_a_report_with_an_error_alone_is_raised_with_it():
    with pytest.raises(AssertionError, match=r"scores_deterministic: ValueError: too late"):
        assert_report_ok(report_of(pattern({}), RunError("scores_deterministic", "ValueError: too late")))


def test_a_report_in_which_nothing_was_judged_is_not_ok():
    with pytest.raises(AssertionError, match="nothing was judged"):
        assert_report_ok(report_of([]))
