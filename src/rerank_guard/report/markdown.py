"""A report as markdown, for a GitHub step summary or a pull request's comment."""

from __future__ import annotations

from collections.abc import Iterator

from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.formats import format_values, format_verdict, status_text
from rerank_guard.core.report import Report
from rerank_guard.report.terminal import training_line

__all__ = ["report_to_markdown"]


def report_to_markdown(report: Report) -> str:
    """The head, the diagnosis, a table of all verdicts, and the full text of each that is not ok."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    subject = report.subject
    yield f"## rerank-guard: {'passed' if report.ok else 'not passed'}"
    yield ""
    yield (
        f"Target {_cell(subject.target)}, dataset {_cell(subject.dataset)}, "
        f"device {_cell(subject.device)}, seed {subject.seed}."
    )
    if subject.training is not None:
        yield ""
        yield f"{training_line(subject.training).capitalize()}."
    if report.configured:
        yield ""
        yield "Configured: " + ", ".join(
            f"`{each.key}` = {_cell(str(each.value))} ({_cell(each.origin)})" for each in report.configured
        )
    if report.diagnosis is not None:
        yield ""
        yield from _diagnosis(report.diagnosis)
    yield from _unexplained(report)
    yield ""
    yield from _table(report)
    yield from _excused(report)
    for verdict in report.verdicts:
        if not verdict.ok:
            yield ""
            # Four backticks, because evidence may quote a prompt with a fence of its own.
            yield "````text"
            yield format_verdict(verdict)
            yield "````"


def _unexplained(report: Report) -> Iterator[str]:
    if report.unexplained:
        yield ""
        for finding in report.unexplained:
            fault = f"**{finding.fault}**" if finding.fault else finding.unnamed
            yield f"- {fault} ({_cell(finding.check)}): {_cell(finding.cause)} {_cell(finding.next_step)}".rstrip()


def _table(report: Report) -> Iterator[str]:
    yield "| check | status | measured | against | n |"
    yield "| --- | --- | --- | --- | ---: |"
    for verdict in report.verdicts:
        cells = (
            verdict.check,
            status_text(verdict),
            format_values(verdict.measured),
            format_values(verdict.threshold),
            str(verdict.n),
        )
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    for error in report.errors:
        yield f"| {_cell(error.check)} | ERROR | {_cell(error.message)} | - | - |"
    for each in report.unjudged:
        yield f"| {_cell(each.check)} | NO VERDICT | {_cell(each.reason)} | - | - |"


def _excused(report: Report) -> Iterator[str]:
    """The reason of each expected failure, whether the configuration or a mark gave it."""
    excused = [verdict for verdict in report.verdicts if verdict.expected and verdict.excused]
    if excused:
        yield ""
        yield from (f"- expected to fail: {_cell(each.check)}: {_cell(each.expected)}" for each in excused)


def _diagnosis(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"**{_cell(diagnosis.fault)}** ({diagnosis.certainty.value}): {_cell(diagnosis.cause)}"
    yield ""
    for row in diagnosis.evidence:
        yield f"- evidence: {_cell(row)}"
    yield f"- fix: {_cell(diagnosis.fix)}"
    yield f"- explains: {_cell(', '.join(diagnosis.explains))}"
    for row in diagnosis.alternatives:
        yield f"- or {_cell(row)}"
    if diagnosis.runner_up is not None:
        yield f"- runner-up: {_cell(diagnosis.runner_up.fault)}: {_cell(diagnosis.runner_up.why)}"


def _cell(text: str) -> str:
    """Text that cannot break out of a table's cell or start a tag."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
