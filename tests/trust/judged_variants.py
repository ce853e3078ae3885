"""The trained healthy reranker with some methods replaced, and reports on it: several checks share one run each."""

from __future__ import annotations

from functools import cache
from typing import Any

from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.faults import TrainedOnce, Wrapped
from rerank_guard.faults.healthy import HealthyReranker
from rerank_guard.suite import RunSettings, SuiteRun, check_reranker

__all__ = ["judge", "report_on", "trained", "verdicts", "with_status"]


@cache
def trained() -> TrainedOnce:
    """The packaged healthy reranker on 120 held-out users; its job runs once a process."""
    return TrainedOnce(HealthyReranker(n_test=120))


def judge(check: str, **replaced: Any) -> Verdict:
    """The verdict of one check, judged without the others."""
    run = SuiteRun(Wrapped(trained(), **replaced), RunSettings(select=(check,)))
    (planned,) = [each for each in run.planned() if each.family == check]
    return run.judge(planned)


def report_on(settings: RunSettings | None = None, **replaced: Any) -> Report:
    """All checks."""
    return check_reranker(Wrapped(trained(), **replaced), settings)


def verdicts(report: Report) -> dict[str, Verdict]:
    """By name."""
    return {verdict.check: verdict for verdict in report.verdicts}


def with_status(report: Report, status: Status) -> list[str]:
    """The names of the checks with this status."""
    return [verdict.check for verdict in report.verdicts if verdict.status is status]
