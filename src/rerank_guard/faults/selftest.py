"""Inject faults into a healthy reranker one by one, and see which checks notice them and whether they name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from rerank_guard.checks.registry import check_of
from rerank_guard.core.errors import VacuousMetricError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.quality import VACUOUS_METRIC
from rerank_guard.core.report import Report
from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.faults.catalogue import all_injectors
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.selftest_outcome import InjectorOutcome, Outcome, SelftestReport
from rerank_guard.faults.wrapped import TrainedOnce
from rerank_guard.stored import StoredRun
from rerank_guard.suite import RunSettings, SuiteRun, check_reranker

__all__ = ["selftest"]

_CUTOFFS_REFUSED = "the cutoffs are refused"
_NO_DATE = "1970-01-01"
"""Date of the healthy reranker's run, which is not read."""


def selftest(
    target_factory: Callable[[], RerankTarget],
    settings: RunSettings | None = None,
    *,
    faults: Sequence[Injector] | None = None,
    progress: Progress | None = None,
    retrain: bool = False,
) -> SelftestReport:
    """Judge a reranker as it is, then with one fault after the other.

    The training job runs once; faults of data, prompts, scores and metrics all share it. As in any run, a check before the
    job stops the suite when it fails, so what a fault would cause later on is not looked at.

    Args:
        target_factory: makes the reranker, which should be healthy.
        settings: of each run; its seed is that of all that the injectors draw.
        faults: those to inject; None for all.
        progress: called as the faults are injected.
        retrain: also inject the faults of the training job, each of which trains a fresh copy.

    Raises:
        RerankGuardError: the reranker is none, or has no usable tasks.
        Exception: whatever the healthy reranker raises.
    """
    chosen = all_injectors() if faults is None else tuple(faults)
    base = TrainedOnce(target_factory())
    _report_progress(progress, 0, len(chosen), "the reranker without a fault")
    settings = settings or RunSettings()
    healthy = _Healthy(base, settings)
    outcomes = []
    for done, injector in enumerate(chosen):
        _report_progress(progress, done, len(chosen), f"{injector.id} {injector.fault}")
        outcomes.append(_outcome(injector, healthy, retrain=retrain))
    _report_progress(progress, len(chosen), len(chosen), "")
    failures = tuple(verdict.check for verdict in healthy.report.verdicts if not verdict.ok)
    return SelftestReport(base.name, settings.seed, failures, tuple(outcomes))


class _Healthy:
    """The reranker without a fault: its report, and its reference run, which is made when the first fault needs it."""

    def __init__(self, base: RerankTarget, settings: RunSettings) -> None:
        self.base = base
        self._settings = settings
        self.report = check_reranker(base, settings)

    @cached_property
    def _reference(self) -> StoredRun:
        return SuiteRun(self.base, self._settings).as_reference(_NO_DATE)

    @cached_property
    def _compared_with_itself(self) -> Report:
        return check_reranker(self.base, replace(self._settings, reference=self._reference))

    def broken(self, injector: Injector) -> RerankTarget:
        """The reranker with a fault in it."""
        return injector.broken(self.base, seed=self._settings.seed)

    def settings_for(self, injector: Injector) -> RunSettings:
        """The settings under which the reranker with this fault is judged."""
        return replace(self._settings, reference=self._reference) if injector.needs_reference else self._settings

    def report_for(self, injector: Injector) -> Report:
        """Without the fault, under the settings under which it is judged."""
        return self._compared_with_itself if injector.needs_reference else self.report


def _outcome(injector: Injector, healthy: _Healthy, *, retrain: bool) -> InjectorOutcome:
    if missing := injector.missing_in(healthy.base):
        return InjectorOutcome(injector, Outcome.DOES_NOT_APPLY, lacks=missing)
    if injector.retrains and not retrain:
        return InjectorOutcome(injector, Outcome.LEFT_OUT, note="it trains a copy of the reranker")
    try:
        broken = healthy.broken(injector)
    except NotImplementedError as error:
        return InjectorOutcome(injector, Outcome.DOES_NOT_APPLY, note=str(error))
    settings, without = healthy.settings_for(injector), healthy.report_for(injector)
    try:
        report = check_reranker(broken, settings)
    except VacuousMetricError:
        return InjectorOutcome(injector, Outcome.NOTICED, (_CUTOFFS_REFUSED,), VACUOUS_METRIC.name)
    except NotImplementedError as error:  # a copy may find out in its training that it cannot be broken so
        return InjectorOutcome(injector, Outcome.DOES_NOT_APPLY, note=str(error))
    except Exception as error:  # a broken reranker may raise anywhere; the other faults are still to be injected
        return InjectorOutcome(injector, Outcome.RAISED, note=f"{type(error).__name__}: {error}")
    return _noticed(injector, report, without)


def _noticed(injector: Injector, report: Report, healthy: Report) -> InjectorOutcome:
    failing = _not_ok(healthy)
    noticed_by = tuple(
        verdict.check
        for verdict in report.verdicts
        if verdict.status in (Status.FAILED, Status.INCONCLUSIVE) and verdict.check not in failing
    )
    diagnosis = report.diagnosis.fault if report.diagnosis is not None else None
    if noticed_by:
        return InjectorOutcome(injector, Outcome.NOTICED, noticed_by, diagnosis)
    if within := _within_limit(injector, _of_checks_that_name(injector.fault, report)):
        return InjectorOutcome(injector, Outcome.BELOW_LIMIT, note=within)
    unable = _of_checks_that_name(injector.fault, healthy)
    if unable and all(verdict.status is Status.NOT_APPLICABLE for verdict in unable):
        checks = ", ".join(verdict.check for verdict in unable)
        note = f"no check that can name it applies to this reranker ({checks})"
        return InjectorOutcome(injector, Outcome.DOES_NOT_APPLY, note=note)
    return InjectorOutcome(injector, Outcome.MISSED)


def _of_checks_that_name(fault: Fault, report: Report) -> list[Verdict]:
    checks = [(verdict, check_of(verdict.check)) for verdict in report.verdicts]
    return [verdict for verdict, check in checks if check is not None and fault in check.can_name]


def _within_limit(injector: Injector, verdicts: Sequence[Verdict]) -> str:
    """The figure in which the fault shows, with the limit that it is within; "" where no check that passed has both."""
    for verdict in verdicts if injector.shows_in else ():
        name = next((name for name in verdict.measured if name.startswith(injector.shows_in)), "")
        figure, limit = verdict.measured.get(name), verdict.threshold.get(name, verdict.threshold.get("alpha"))
        if verdict.status is Status.PASSED and isinstance(figure, int | float) and isinstance(limit, int | float):
            return f"{verdict.check} measures {name} = {figure:.3g}, compared with {limit:.3g}"
    return ""


def _not_ok(report: Report) -> set[str]:
    return {verdict.check for verdict in report.verdicts if not verdict.ok}


def _report_progress(progress: Progress | None, done: int, total: int, note: str) -> None:
    if progress is not None and total:
        progress(done, total, note)
