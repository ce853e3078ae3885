"""A report on pytest's terminal."""

from __future__ import annotations

import pytest

from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.report.diagnosis_text import diagnosis_lines
from rerank_guard.report.terminal import (
    configured_lines,
    problem_lines,
    training_line,
    unjudged_lines,
    verdict_table,
)

__all__ = ["write_report"]

_WIDTH = 100
"""Columns of the diagnosis, whatever the terminal's width: its lines are found again in logs."""

_COLOURS = {
    Status.PASSED: {"green": True},
    Status.FAILED: {"red": True},
    Status.INCONCLUSIVE: {"yellow": True},
    Status.NOT_APPLICABLE: {"light": True},
    Status.NOT_RUN: {"light": True},
    Status.IGNORED: {"light": True},
}


def write_report(terminalreporter: pytest.TerminalReporter, report: Report) -> None:
    """Diagnosis, what it leaves open, the table, what has no verdict, and what differs from the defaults."""
    if report.diagnosis is not None:
        for line in diagnosis_lines(report.diagnosis, width=_WIDTH):
            terminalreporter.write_line(line, bold=not line.startswith(" "))
        terminalreporter.write_line("")
    for line in problem_lines(report.unexplained):
        terminalreporter.write_line(line, bold=not line.startswith(" "))
    if report.unexplained:
        terminalreporter.write_line("")
    for row in verdict_table(report.verdicts, report.errors):
        colour = {"bold": True} if row.status is None else _COLOURS[row.status]
        terminalreporter.write_line(row.text, **colour)
    terminalreporter.write_line("")
    for line in unjudged_lines(report.unjudged):
        terminalreporter.write_line(line, red=True)
    if report.subject.training is not None:
        terminalreporter.write_line(training_line(report.subject.training))
    for line in configured_lines(report.configured):
        terminalreporter.write_line(line)
