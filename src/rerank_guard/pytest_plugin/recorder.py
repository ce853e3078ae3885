"""Gathers the verdicts of a run from pytest's reports, and writes the report files."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.report import Report, RunError, Subject
from rerank_guard.core.verdict import Verdict
from rerank_guard.pytest_plugin.gathered import Gathered
from rerank_guard.pytest_plugin.runs import kept_run
from rerank_guard.pytest_plugin.settings import (
    current_run,
    is_worker,
    reference_path_of,
    report_dir_of,
    run_device,
    run_settings,
    seed_of,
    settings_of,
    target_of,
)
from rerank_guard.pytest_plugin.suite_items import NODE, is_check, label_of, plain_id
from rerank_guard.pytest_plugin.terminal_report import write_report
from rerank_guard.pytest_plugin.wire import DIAGNOSES, diagnoses_from, diagnoses_text
from rerank_guard.report.json import dumps, report_to_json_dict
from rerank_guard.report.markdown import report_to_markdown
from rerank_guard.suite.error_budget import within_budget

if TYPE_CHECKING:
    from rerank_guard.suite import SuiteRun

__all__ = ["Recorder"]

_Judged = tuple[tuple[Verdict, ...], tuple[RunError, ...]]


class Recorder:
    """A plugin of its own: on the process that has the terminal it writes the reports; in a worker it sends the diagnoses."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._gathered: dict[str, Gathered] = {}
        self._sent: dict[str, Diagnosis] = {}
        self._made: dict[str, tuple[_Judged, Diagnosis | None]] = {}
        self._ended_by = ""
        self._unusable = False
        self._write_error: OSError | None = None
        self._stored = ""
        self._store_failed = False

    @property
    def reports(self) -> dict[str, Report]:
        """Label to what has been gathered; one report, of an empty label, unless the fixture has parameters."""
        return {label: self._report(label, each) for label, each in self._gathered.items() if each.anything}

    def _report(self, label: str, gathered: Gathered) -> Report:
        settings = run_settings(self._config)
        verdicts = within_budget(gathered.in_order(), settings.budget)
        return Report(
            gathered.subject or self._not_loaded(label),
            verdicts,
            tuple(gathered.errors.values()),
            self._diagnosis_of(label, verdicts, tuple(gathered.errors.values())),
            settings.differing(),
            gathered.unjudged(self._ended_by or "it was not run"),
        )

    def _not_loaded(self, label: str) -> Subject:
        """The head of a report on a reranker that never came to be asked."""
        name = label or target_of(self._config) or "fixture rerank_target"
        device = run_device(self._config)
        return Subject(name, "not described", device, seed_of(self._config), versions={}, details={})

    def _diagnosis_of(
        self, label: str, verdicts: tuple[Verdict, ...], errors: tuple[RunError, ...]
    ) -> Diagnosis | None:
        """The worker's, which has the scores; else made once for the same verdicts."""
        if label in self._sent:
            return self._sent[label]
        made = self._made.get(label)
        if made is None or made[0] != (verdicts, errors):
            from rerank_guard.suite.diagnose import diagnose_run

            found = diagnose_run(self._run(label), verdicts, run_settings(self._config), errors)
            made = ((verdicts, errors), found)
            self._made[label] = made
        return made[1]

    def _run(self, label: str) -> SuiteRun | None:
        """The run in this process, if it is here."""
        return kept_run(self._config, label) or (None if label else current_run(self._config))

    def _folder(self, label: str) -> Path:
        """Where a report goes: one of several rerankers has a folder of its own."""
        folder = report_dir_of(self._config)
        return folder / "rerankers" / re.sub(r"[^\w.=+-]", "_", label).lstrip(".") if label else folder

    def _expect(self, nodeids: Iterable[str]) -> None:
        if self._config.option.collectonly:
            return
        for nodeid in map(plain_id, nodeids):
            if is_check(nodeid):
                self._gathered.setdefault(label_of(nodeid), Gathered()).expect(nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is going to be run: nothing where pytest-xdist's controller collects nothing."""
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same, as a worker tells it."""
        self._expect(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """In a worker nothing usable was found; here the run ends as a wrong command line does."""
        self._unusable |= report.failed and report.nodeid == NODE

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what an item of the suite has left."""
        if report.when not in ("setup", "call", "teardown"):
            self._ended_by = f"it was not run: {report.longreprtext}"  # the worker died, and the reranker with it
        nodeid = plain_id(report.nodeid)
        if not is_check(nodeid):
            return
        self._gathered.setdefault(label_of(nodeid), Gathered()).take(nodeid, report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """The run was ended from outside, or by pytest.exit()."""
        said = f"the run was ended: {excinfo.value}" if str(excinfo.value) else "the run was interrupted"
        self._ended_by = self._ended_by or f"it was not run: {said}"

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Pytest itself, or one of its plugins, broke."""
        self._ended_by = self._ended_by or f"it was not run: internal error: {excinfo.typename}: {excinfo.value}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended; the one that held the reranker has sent its diagnoses."""
        text = (getattr(node, "workeroutput", None) or {}).get(DIAGNOSES)
        if text:
            self._sent |= diagnoses_from(text)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write report.json and summary.md; a run whose report is not ok never ends with 0."""
        stopped = session.shouldfail or session.shouldstop
        if stopped:
            self._ended_by = self._ended_by or f"it was not run: {stopped}"
        reports = self.reports
        if is_worker(self._config):
            self._send(reports)
            return
        if self._unusable and not reports:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        for label, report in reports.items():
            self._write(label, report)
        if "" in reports:
            self._store(reports[""])
        broken = not all(report.ok for report in reports.values()) or self._write_error or self._store_failed
        if session.exitstatus == pytest.ExitCode.OK and broken:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _send(self, reports: Mapping[str, Report]) -> None:
        output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]  # pytest-xdist's
        diagnoses = {
            label: report.diagnosis
            for label, report in reports.items()
            if report.diagnosis is not None and self._run(label) is not None and report.verdicts
        }
        if diagnoses:
            output[DIAGNOSES] = diagnoses_text(diagnoses)
        for label, report in reports.items():
            if report.verdicts:
                self._draw(label)

    def _write(self, label: str, report: Report) -> None:
        folder = self._folder(label)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_text(folder / "report.json", dumps(report_to_json_dict(report), indent=2) + "\n")
            replace_text(folder / "summary.md", report_to_markdown(report))
            self._draw(label)
        except OSError as error:
            self._write_error = error

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

    def _draw(self, label: str) -> None:
        """The learning curve of this process's training job, where there was one and matplotlib is there."""
        run = self._run(label)
        trace = run.inputs.made("training_trace") if run is not None else None
        if trace is not None and len(trace.letter_nll) and importlib.util.find_spec("matplotlib") is not None:
            from rerank_guard.report.plot import draw_learning_curve

            folder = self._folder(label)
            folder.mkdir(parents=True, exist_ok=True)
            draw_learning_curve(trace, folder / "training.png")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Diagnosis, table, and where the report lies."""
        for label, report in self.reports.items():
            terminalreporter.ensure_newline()
            terminalreporter.section(f"rerank-guard: {label}" if label else "rerank-guard")
            write_report(terminalreporter, report)
            path = self._folder(label) / "report.json"
            if self._write_error is not None:
                terminalreporter.write_line(f"report not written to {path}: {self._write_error}", red=True)
            else:
                terminalreporter.write_line(f"report: {path}")
        if self._stored:
            terminalreporter.write_line(self._stored, red=self._store_failed)
