"""A verdict or a report as an assertion, for a test of one's own: raise with its text unless it holds."""

from __future__ import annotations

from collections.abc import Iterator

from rerank_guard.core.formats import format_verdict
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.report.diagnosis_text import diagnosis_lines
from rerank_guard.report.terminal import problem_lines, unjudged_lines

__all__ = ["assert_passed", "assert_report_ok"]


def assert_passed(verdict: Verdict) -> Verdict:
    """Assert any check: `assert_passed(no_history_leak(tasks))`; returns the verdict when it passed.

    A verdict that is inconclusive or not applicable raises too: an assertion that was asked for has to hold.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    if verdict.status is not Status.PASSED:
        raise AssertionError(format_verdict(verdict))
    return verdict


def assert_report_ok(report: Report) -> Report:
    """Assert a whole run: `assert_report_ok(check_reranker(reranker))`; returns the report when it is ok.

    Raises:
        AssertionError: with the diagnosis, every problem and every error as text, unless `report.ok`; also where nothing was
            judged.
    """
    __tracebackhide__ = True
    if not report.ok:
        raise AssertionError("\n".join(_what_is_wrong(report)))
    return report


def _what_is_wrong(report: Report) -> Iterator[str]:
    yield f"the reranker {report.subject.target!r} is not ok"
    if not report.judged:
        yield "nothing was judged: no check of this run applies"
    if report.diagnosis is not None:
        yield from diagnosis_lines(report.diagnosis)
    yield from problem_lines(report.problems, most=len(report.problems))
    for error in report.errors:
        yield f"error in {error.check}: {error.message}"
    yield from unjudged_lines(report.unjudged, most=len(report.unjudged))
