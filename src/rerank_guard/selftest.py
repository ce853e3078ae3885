"""Test the tests: put faults into a sound target one by one, and see which gates notice and whether they name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.defaults import ALPHA
from rerank_guard.errors import VacuousMetricError
from rerank_guard.faults import Fault, TrainedOnce, all_faults
from rerank_guard.report.report import Report
from rerank_guard.stored import StoredRun
from rerank_guard.suite import SuiteSession, check_reranker
from rerank_guard.target import Progress, RerankTarget
from rerank_guard.verdict import Status

__all__ = ["FaultOutcome", "Outcome", "SelftestReport", "selftest", "selftest_lines"]

_COLLECTION = "the cutoffs are refused"
_SHOWN = 1
_WHAT = 44


class Outcome(StrEnum):
    """What became of a fault."""

    NOTICED = "noticed"
    MISSED = "missed"
    RAISED = "raised"
    DOES_NOT_APPLY = "does not apply"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """One fault, and what the suite made of it.

    Attributes:
        fault: the one that was injected.
        outcome: RAISED where the broken target ended in an error that no gate reports, which is noticed but not named;
            LEFT_OUT where its own training job was not asked for.
        noticed_by: gates that pass on the sound target and did not on the broken one, in suite order.
        diagnosis: the fault that the report names, None where it names none.
        lacks: methods that the target would need for this fault.
        note: why it does not apply, or what was raised.
    """

    fault: Fault
    outcome: Outcome
    noticed_by: tuple[str, ...] = ()
    diagnosis: str | None = None
    lacks: tuple[str, ...] = ()
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether the fault was injected."""
        return self.outcome in (Outcome.NOTICED, Outcome.MISSED, Outcome.RAISED)

    @property
    def noticed(self) -> bool:
        """Whether something other than silence came of it."""
        return self.outcome in (Outcome.NOTICED, Outcome.RAISED)

    @property
    def named_right(self) -> bool:
        """Whether it was noticed and called by a right name."""
        return self.noticed and self.fault.names_rightly(self.diagnosis)


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """What became of all faults.

    Attributes:
        target: name of the target.
        seed: of the faults' draws.
        sound_failures: gates that are not ok on the target as it is; a fault cannot be told by these.
        outcomes: one a fault, upstream first.
    """

    target: str
    seed: int
    sound_failures: tuple[str, ...]
    outcomes: tuple[FaultOutcome, ...]

    @property
    def ok(self) -> bool:
        """True when at least one fault was injected, and none of them in silence."""
        judged = [outcome for outcome in self.outcomes if outcome.judged]
        return bool(judged) and all(outcome.noticed for outcome in judged)

    def to_json_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "target": self.target,
            "seed": self.seed,
            "ok": self.ok,
            "sound_failures": list(self.sound_failures),
            "faults": [
                {
                    "id": each.fault.zoo_id,
                    "fault": each.fault.name,
                    "what": each.fault.what,
                    "stage": each.fault.stage.value,
                    "outcome": each.outcome.value,
                    "noticed_by": list(each.noticed_by),
                    "diagnosis": each.diagnosis,
                    "named_right": each.named_right,
                    "lacks": list(each.lacks),
                    "note": each.note,
                }
                for each in self.outcomes
            ],
        }


def selftest(
    target_factory: Callable[[], RerankTarget],
    *,
    faults: Sequence[Fault] | None = None,
    alpha: float = ALPHA,
    seed: int = 0,
    progress: Progress | None = None,
    retrain: bool = False,
) -> SelftestReport:
    """Judge a target as it is, then with one fault after the other.

    The training job runs once; faults of data, prompts, scores and metrics all share it. As in any run, a gate that needs no
    model stops the suite before training when it fails, so what a fault would do further on is not looked at.

    Args:
        target_factory: makes the target, which should be sound.
        faults: those to inject; None for all.
        alpha: level of the statistical gates.
        seed: of whatever the faults draw.
        progress: told how far the faults are.
        retrain: also inject the faults of the training job, each of which trains a fresh copy.

    Raises:
        RerankGuardError: the target is none, or has no usable tasks.
        Exception: whatever the sound target raises.
    """
    chosen = all_faults() if faults is None else tuple(faults)
    base = TrainedOnce(target_factory())
    _tell(progress, 0, len(chosen), "the sound target")
    twin = _Twin(base, alpha, seed)
    outcomes = []
    for done, fault in enumerate(chosen):
        _tell(progress, done, len(chosen), f"{fault.zoo_id} {fault.name}")
        outcomes.append(_outcome(fault, twin, retrain=retrain))
    _tell(progress, len(chosen), len(chosen), "")
    return SelftestReport(
        base.name, seed, tuple(verdict.check for verdict in twin.report.verdicts if not verdict.ok), tuple(outcomes)
    )


def selftest_lines(report: SelftestReport, *, width: int = 120) -> Iterator[str]:
    """The table, what does not apply, and a summary, as lines."""
    if report.sound_failures:
        yield (
            f"{report.target} is not sound as it is: {', '.join(report.sound_failures)} did not pass. What these gates "
            "say of a fault does not count below."
        )
        yield ""
    judged = [each for each in report.outcomes if each.judged]
    rows = [("", "fault", "named", "what", "noticed by"), *map(_row, judged)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield line if len(line) <= width else f"{line[: width - 3]}..."
    yield ""
    for each in report.outcomes:
        if each.outcome is Outcome.DOES_NOT_APPLY and not each.lacks:
            yield f"{each.fault.zoo_id} does not apply: {each.note}"
        elif each.outcome is Outcome.RAISED:
            yield f"{each.fault.zoo_id} raised {each.note}"
    yield _summary(report, judged)


def _row(each: FaultOutcome) -> tuple[str, str, str, str, str]:
    more = len(each.noticed_by) - _SHOWN
    by = ", ".join(each.noticed_by[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    if each.outcome is Outcome.RAISED:
        by = "an error"
    named = "right" if each.named_right else f"as {each.diagnosis}" if each.diagnosis else "not"
    return (
        each.fault.zoo_id,
        each.fault.name,
        named if each.noticed else "",
        each.fault.what if len(each.fault.what) <= _WHAT else f"{each.fault.what[: _WHAT - 3]}...",
        by or "NOTHING",
    )


def _summary(report: SelftestReport, judged: Sequence[FaultOutcome]) -> str:
    noticed = sum(each.noticed for each in judged)
    named = sum(each.named_right for each in judged)
    parts = [f"noticed {noticed} of {len(judged)}, named right {named}"]
    aside = [each for each in report.outcomes if each.outcome is Outcome.DOES_NOT_APPLY]
    if aside:
        wanted = Counter(method for each in aside for method in each.lacks)
        methods = ", ".join(f"{method} ({count})" for method, count in wanted.most_common())
        parts.append(f"{len(aside)} do not apply" + (f": add to the target {methods}" if methods else ""))
    left_out = sum(each.outcome is Outcome.LEFT_OUT for each in report.outcomes)
    if left_out:
        parts.append(f"{left_out} break the training job and need --retrain")
    return "; ".join(parts)


class _Twin:
    """The sound target: its report, and its run to be held against, made when the first fault needs one."""

    def __init__(self, base: RerankTarget, alpha: float, seed: int) -> None:
        self.base = base
        self._alpha = alpha
        self._seed = seed
        self.report = self.judged(base, None)
        self._stored: StoredRun | None = None
        self._beside_itself: Report | None = None

    def judged(self, target: RerankTarget, stored: StoredRun | None) -> Report:
        """Any target's report, under the same settings."""
        return check_reranker(target, alpha=self._alpha, seed=self._seed, stored=stored)

    def broken(self, fault: Fault) -> RerankTarget:
        return fault.broken(self.base, seed=self._seed)

    def stored(self) -> StoredRun:
        if self._stored is None:
            session = SuiteSession(self.base, alpha=self._alpha, seed=self._seed)
            self._stored = session.stored_run("1970-01-01")  # nobody reads its date
        return self._stored

    def unsound(self, fault: Fault) -> set[str]:
        """Gates that do not pass on the sound target either, under the conditions in which the fault is judged."""
        report = self.report
        if fault.needs_stored:
            if self._beside_itself is None:
                self._beside_itself = self.judged(self.base, self.stored())
            report = self._beside_itself
        return {verdict.check for verdict in report.verdicts if not verdict.ok}


def _outcome(fault: Fault, twin: _Twin, *, retrain: bool) -> FaultOutcome:
    if missing := fault.missing_in(twin.base):
        return FaultOutcome(fault, Outcome.DOES_NOT_APPLY, lacks=missing)
    if fault.retrains and not retrain:
        return FaultOutcome(fault, Outcome.LEFT_OUT, note="it trains a copy of the target")
    try:
        broken = twin.broken(fault)
    except NotImplementedError as error:
        return FaultOutcome(fault, Outcome.DOES_NOT_APPLY, note=str(error))
    unsound = twin.unsound(fault)
    stored = twin.stored() if fault.needs_stored else None
    try:
        report = twin.judged(broken, stored)
    except VacuousMetricError:
        return FaultOutcome(fault, Outcome.NOTICED, (_COLLECTION,), "vacuous-metric")
    except NotImplementedError as error:  # a copy may find out at its training that it cannot be broken so
        return FaultOutcome(fault, Outcome.DOES_NOT_APPLY, note=str(error))
    except Exception as error:  # a broken target may break anywhere; the other faults are still to be tried
        return FaultOutcome(fault, Outcome.RAISED, note=f"{type(error).__name__}: {error}")
    noticed_by = tuple(
        verdict.check
        for verdict in report.verdicts
        if verdict.status in (Status.FAILED, Status.INCONCLUSIVE) and verdict.check not in unsound
    )
    diagnosis = report.diagnosis.fault if report.diagnosis is not None else None
    return FaultOutcome(fault, Outcome.NOTICED if noticed_by else Outcome.MISSED, noticed_by, diagnosis)


def _tell(progress: Progress | None, done: int, total: int, note: str) -> None:
    if progress is not None and total:
        progress(done, total, note)
