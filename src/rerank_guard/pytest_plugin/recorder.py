"""Gathers the verdicts of a run from pytest's reports, writes the report files and the terminal's table."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.report import Report, RunError, Subject, TrainingSummary
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.pytest_plugin.settings import (
    current_run,
    reference_path_of,
    report_dir_of,
    run_settings,
    settings_of,
)
from rerank_guard.report.diagnosis_text import diagnosis_lines
from rerank_guard.report.json import (
    dumps,
    report_to_json_dict,
    strict_json,
    verdict_from_json_dict,
    verdict_to_json_dict,
)
from rerank_guard.report.markdown import report_to_markdown
from rerank_guard.report.terminal import configured_lines, problem_lines, training_line, verdict_table
from rerank_guard.suite.error_budget import within_budget

__all__ = ["SUBJECT_PROPERTY", "VERDICT_PROPERTY", "Recorder", "subject_property", "verdict_property"]

VERDICT_PROPERTY = "rerank_verdict"
"""Name of the user property that carries a verdict: JSON text, so that JUnit and xdist keep it."""

SUBJECT_PROPERTY = "rerank_subject"
"""Name of the user property that says who was judged when an item ended without a verdict."""

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


def verdict_property(verdict: Verdict, position: int, subject: Subject) -> str:
    """A verdict with its place in the suite and the report's head, as JSON text."""
    return dumps(
        {"position": position, "verdict": verdict_to_json_dict(verdict), "subject": strict_json(asdict(subject))}
    )


def subject_property(subject: Subject) -> str:
    """The report's head as JSON text."""
    return dumps(strict_json(asdict(subject)))


class Recorder:
    """A plugin of its own on the process that has the terminal; workers only send reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._verdicts: dict[str, tuple[int, Verdict]] = {}
        self._errors: dict[str, RunError] = {}
        self._subject: Subject | None = None
        self._write_error: OSError | None = None
        self._stored = ""
        self._store_failed = False
        self._diagnosed: tuple[tuple[Verdict, ...], Diagnosis | None] | None = None

    @property
    def report(self) -> Report | None:
        """What has been gathered; None before the first item of the suite has ended."""
        if self._subject is None or not (self._verdicts or self._errors):
            return None
        in_order = sorted(self._verdicts.values(), key=lambda entry: entry[0])
        settings = run_settings(self._config)
        verdicts = within_budget([verdict for _, verdict in in_order], settings.budget)
        return Report(
            self._subject,
            verdicts,
            tuple(self._errors.values()),
            self._diagnosis_of(verdicts),
            settings.differing(),
        )

    def _diagnosis_of(self, verdicts: tuple[Verdict, ...]) -> Diagnosis | None:
        """Made once for the same verdicts; with probes where the scores are in this process."""
        if self._diagnosed is None or self._diagnosed[0] != verdicts:
            from rerank_guard.suite.diagnose import diagnose_run

            self._diagnosed = (
                verdicts,
                diagnose_run(current_run(self._config), verdicts, run_settings(self._config)),
            )
        return self._diagnosed[1]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict, or the error that stood in its way, from a report of the suite."""
        properties = dict(report.user_properties)
        if report.when == "call" and VERDICT_PROPERTY in properties:
            data: dict[str, Any] = json.loads(str(properties[VERDICT_PROPERTY]))
            self._verdicts[report.nodeid] = (data["position"], verdict_from_json_dict(data["verdict"]))
            self._errors.pop(report.nodeid, None)
            self._subject = _subject(data["subject"])
        elif SUBJECT_PROPERTY in properties and (report.failed or hasattr(report, "wasxfail")):
            # an xfail mark excuses a failed check, not a reranker that raises
            check = report.nodeid.partition("::")[2]
            self._errors[report.nodeid] = RunError(check, _last_line(report.longreprtext))
            self._subject = _subject(json.loads(str(properties[SUBJECT_PROPERTY])))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write report.json and summary.md; a run whose report is not ok never ends with 0."""
        report = self.report
        if report is None:
            return
        folder = report_dir_of(self._config)
        try:
            replace_text(folder / "report.json", dumps(report_to_json_dict(report), indent=2) + "\n")
            replace_text(folder / "summary.md", report_to_markdown(report))
            self._draw(folder)
        except OSError as error:
            self._write_error = error
        self._store(report)
        broken = not report.ok or self._write_error is not None or self._store_failed
        if session.exitstatus == pytest.ExitCode.OK and broken:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _store(self, report: Report) -> None:
        """Put the run into the reference file if that was asked for and nothing is wrong with it."""
        reference, suite = reference_path_of(self._config), current_run(self._config)
        if not settings_of(self._config).update_reference or reference is None or suite is None:
            return
        if suite.inputs.made("raw_scores") is None:
            self._stored = (
                f"reference run not updated: {reference} keeps its run, as nothing was scored in this one"
            )
            return
        if not report.ok:
            self._stored = f"reference run not updated: {reference} keeps its run, as this one did not pass"
            return
        from rerank_guard.stored import write_stored_run

        if suite.settings.select:
            self._stored = f"reference run not updated: {reference} keeps its run, as this one judged a selection of the checks"
            return
        unjudged = len(suite.planned()) - len(report.verdicts)
        if unjudged:
            self._stored = (
                f"reference run not updated: {reference} keeps its run, as {unjudged} of the checks were not run"
            )
            return
        try:
            write_stored_run(reference, suite.as_reference(datetime.now(UTC).date().isoformat()))
        except (
            Exception
        ) as error:  # also what the target's conditions() raises: a report is worth more than its frames
            self._stored = f"reference run not updated: {type(error).__name__}: {error}"
            self._store_failed = True
        else:
            self._stored = f"reference run updated: {reference}"

    def _draw(self, folder: Path) -> None:
        """The learning curve of this process's training job, where there was one and matplotlib is there."""
        suite = current_run(self._config)
        trace = suite.inputs.made("training_trace") if suite is not None else None
        if trace is not None and len(trace.letter_nll) and importlib.util.find_spec("matplotlib") is not None:
            from rerank_guard.report.plot import draw_learning_curve

            draw_learning_curve(trace, folder / "training.png")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Diagnosis, table, and where the report lies."""
        report = self.report
        if report is None:
            return
        terminalreporter.ensure_newline()
        terminalreporter.section("rerank-guard")
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
        if report.subject.training is not None:
            terminalreporter.write_line(training_line(report.subject.training))
        for line in configured_lines(report.configured):
            terminalreporter.write_line(line)
        path = report_dir_of(self._config) / "report.json"
        if self._write_error is not None:
            terminalreporter.write_line(f"report not written to {path}: {self._write_error}", red=True)
        else:
            terminalreporter.write_line(f"report: {path}")
        if self._stored:
            terminalreporter.write_line(self._stored, red=self._store_failed)


def _subject(data: dict[str, Any]) -> Subject:
    training = data.pop("training")
    return Subject(**data, training=None if training is None else TrainingSummary(**training))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E ")]
    return (errors or lines or ["no message"])[-1].removeprefix("E").strip()
