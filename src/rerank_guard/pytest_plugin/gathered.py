"""What the reports of pytest say of one reranker, put together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rerank_guard.core.report import RunError, Subject, Unjudged
from rerank_guard.core.verdict import Verdict
from rerank_guard.pytest_plugin.suite_items import check_of
from rerank_guard.pytest_plugin.wire import ERROR_PROPERTY, SUBJECT_PROPERTY, VERDICT_PROPERTY, subject_from
from rerank_guard.report.json import verdict_from_json_dict

__all__ = ["Gathered"]


class Gathered:
    """The items of one reranker: what was expected of them, and what came.

    Attributes:
        subject: who was judged; None as long as no item has said so.
        verdicts: by name, with their places in the suite.
        errors: by the item's id and the check.
    """

    def __init__(self) -> None:
        self.subject: Subject | None = None
        self.verdicts: dict[str, tuple[int, Verdict]] = {}
        self.errors: dict[tuple[str, str], RunError] = {}
        self._expected: dict[str, str] = {}
        self._ended: set[str] = set()
        self._reasons: dict[str, str] = {}

    def expect(self, nodeid: str) -> None:
        """An item is going to be run."""
        self._expected.setdefault(nodeid, check_of(nodeid))

    @property
    def anything(self) -> bool:
        """Whether there is something to report."""
        return bool(self._expected or self.verdicts or self.errors)

    def in_order(self) -> list[Verdict]:
        """The verdicts in the order of the suite."""
        return [verdict for _, verdict in sorted(self.verdicts.values(), key=lambda entry: entry[0])]

    def unjudged(self, why: str) -> tuple[Unjudged, ...]:
        """The checks that were to be run and have neither a verdict nor an error.

        Args:
            why: the reason where the item itself has left none.
        """
        return tuple(
            Unjudged(check, self._reasons.get(nodeid, why))
            for nodeid, check in self._expected.items()
            if nodeid not in self._ended
        )

    def take(self, nodeid: str, report: pytest.TestReport) -> None:
        """Take what one phase of an item has left.

        Args:
            nodeid: of the item, plain.
            report: of the phase.
        """
        came, errors = _left(report, VERDICT_PROPERTY), _left(report, ERROR_PROPERTY)
        for subject in _left(report, SUBJECT_PROPERTY):
            self.subject = subject_from(subject)
        if report.when == "teardown" and nodeid in self._ended:
            return
        if came or errors:
            self._take_judged(nodeid, came, errors)
        elif report.failed or hasattr(report, "wasxfail"):
            # an xfail mark excuses a failed check, not a reranker that raises
            check = check_of(nodeid)
            self.errors[nodeid, check] = RunError(check, _last_line(report.longreprtext))
            self._ended.add(nodeid)
        elif report.skipped:
            self._take_skip(nodeid, report)

    def _take_judged(self, nodeid: str, came: list[dict[str, Any]], errors: list[dict[str, Any]]) -> None:
        for data in came:
            self._take_verdict(data)
        if not errors:  # a rerun that ended well
            self.errors = {key: error for key, error in self.errors.items() if key[0] != nodeid}
        for data in errors:
            self.errors[nodeid, data["check"]] = RunError(**data)
        self._ended.add(nodeid)

    def _take_verdict(self, data: dict[str, Any]) -> None:
        verdict = verdict_from_json_dict(data["verdict"])
        self.verdicts[verdict.check] = (data["position"], verdict)
        self.subject = subject_from(data["subject"])

    def _take_skip(self, nodeid: str, report: pytest.TestReport) -> None:
        """A mark leaves the item out as a deselection does; a fixture that skips leaves a check without its verdict."""
        if "skip" in report.keywords or "skipif" in report.keywords:
            self._expected.pop(nodeid, None)
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        self._reasons[nodeid] = f"it was skipped before it was judged: {reason.removeprefix('Skipped: ')}"


def _left(report: pytest.TestReport, kind: str) -> list[dict[str, Any]]:
    """What an item has left of one kind in its properties."""
    return [json.loads(str(value)) for name, value in report.user_properties if name == kind]


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E ")]
    return (errors or lines or ["no message"])[-1].removeprefix("E").strip()
