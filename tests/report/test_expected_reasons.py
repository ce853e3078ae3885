"""Expected failures in the texts of a report: the reason of each, and a pass that was not expected by its name."""

from __future__ import annotations

from rerank_guard.core.report import Report, Subject
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.report.markdown import report_to_markdown
from rerank_guard.report.terminal import problem_lines

SUBJECT = Subject("it", "data", "cpu", 0, {}, {})


def of(status: Status) -> Report:
    return Report(SUBJECT, (Verdict("calibrated", status, "it holds", {}, {}, 1, expected="known since May"),))


def test_the_summary_has_the_reason_of_an_expected_failure():
    assert "- expected to fail: calibrated: known since May" in report_to_markdown(of(Status.FAILED))


def test_an_unexpected_pass_is_no_unnamed_fault():
    report = of(Status.PASSED)
    assert next(problem_lines(report.problems)).startswith("unexpected pass (calibrated): It was expected to fail")
    assert "- unexpected pass (calibrated)" in report_to_markdown(report)
