"""The verdicts of a run, asked for by check, and what they exclude."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from rerank_guard.checks.registry import all_checks, check_of
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault import Fault
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Measured, Status, Verdict

__all__ = ["Evidence", "figure", "ruling_out"]


class Evidence:
    """What the verdicts say, check by check.

    Args:
        verdicts: of one run, in the order in which they were judged.
        tolerant: names of checks and variants whose settings are not the defaults: one that passes may have tolerated the very
            fault that it would rule out.
    """

    def __init__(self, verdicts: Sequence[Verdict], tolerant: Collection[str] = ()) -> None:
        self._tolerant = {name if (record := check_of(name)) is None else record.name for name in tolerant}
        self.verdicts = tuple(verdicts)
        self._by_check: dict[str, list[Verdict]] = {}
        for verdict in self.verdicts:
            record = check_of(verdict.check)
            self._by_check.setdefault(verdict.check if record is None else record.name, []).append(verdict)

    def of(self, check: str) -> list[Verdict]:
        """The verdicts of one check, at all cutoffs, its variants included."""
        return self._by_check.get(check, [])

    def failed(self, check: str, *faults: Fault) -> list[Verdict]:
        """Those that failed, under one of the faults where any are given."""
        names = {fault.name for fault in faults}
        return [
            verdict
            for verdict in self.of(check)
            if verdict.status is Status.FAILED and (not names or verdict.fault in names)
        ]

    def passed(self, check: str) -> bool:
        """True when the check was judged, and passed at every cutoff and in every variant."""
        found = self.of(check)
        return bool(found) and all(verdict.status is Status.PASSED for verdict in found)

    def judged(self, check: str) -> bool:
        """True when at least one verdict of the check says something."""
        return any(verdict.status.says_something for verdict in self.of(check))

    def learned(self) -> Verdict | None:
        """The check of the training loss if it passed."""
        return next(iter(self.of("loss_below_random")), None) if self.passed("loss_below_random") else None

    def excludes(self, fault: Fault, stages: Collection[Stage] = tuple(Stage)) -> bool:
        """True when every check of these stages that rules a fault out passed, by its default settings, and there is one."""
        names = ruling_out(fault, stages)
        return bool(names) and all(self.passed(name) and name not in self._tolerant for name in names)

    def settled_by(self, fault: Fault, stages: Collection[Stage] = tuple(Stage)) -> str:
        """What would decide on a suspicion that no check has judged: the check, and why it said nothing; else nothing."""
        for name in ruling_out(fault, stages):
            if not self.judged(name):
                found = self.of(name)
                if any(verdict.status is Status.NOT_RUN for verdict in found):
                    return f"{name} has not been run"
                advice = next((verdict.next_step for verdict in found if verdict.next_step), "")
                return advice or f"run {name}"
        return ""


def ruling_out(fault: Fault, stages: Collection[Stage] = tuple(Stage)) -> list[str]:
    """The names of the checks of these stages that rule a fault out where they pass, in suite order."""
    return [name for name, check in all_checks().items() if check.stage in stages and fault in check.rules_out]


def figure(verdict: Verdict, name: str, *, of_threshold: bool = False, default: float | None = None) -> float:
    """A measured figure (or one of the thresholds) as float; NaN where it is none.

    Args:
        verdict: of a check that was judged.
        name: the figure's key.
        of_threshold: look among the thresholds.
        default: the value where the check does not give the figure in this outcome.

    Raises:
        UnknownNameError: the verdict has figures, but none of this name, and there is no default.
    """
    figures: Mapping[str, Measured] = verdict.threshold if of_threshold else verdict.measured
    if name not in figures:
        if default is not None or not figures:
            return math.nan if default is None else default
        raise UnknownNameError(f"{verdict.check} has no figure {name!r}; it has {', '.join(figures)}.")
    value = figures[name]
    return math.nan if value is None or isinstance(value, str) else float(value)
