"""The verdicts of a run, asked for by family."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rerank_guard.diagnosis.catalogue import check_note, family_of
from rerank_guard.verdict import Status, Verdict

__all__ = ["Evidence", "figure"]


class Evidence:
    """What the verdicts say, check by check.

    Args:
        verdicts: of one run, in suite order.
    """

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = tuple(verdicts)

    def of(self, family: str) -> list[Verdict]:
        """The verdicts of one family, at all cutoffs, on training and held-out tasks."""
        return [verdict for verdict in self.verdicts if family_of(verdict.check) == family]

    def failed(self, family: str, *faults: str) -> list[Verdict]:
        """Those that failed, under one of the faults where any are given."""
        return [
            verdict
            for verdict in self.of(family)
            if verdict.status is Status.FAILED and (not faults or verdict.fault in faults)
        ]

    def passed(self, family: str) -> bool:
        """True when the family was judged, and passed wherever it stands in the suite."""
        found = self.of(family)
        return bool(found) and all(verdict.status is Status.PASSED for verdict in found)

    def judged(self, family: str) -> bool:
        """True when at least one verdict of the family says something."""
        silent = (Status.NOT_APPLICABLE, Status.NOT_RUN)
        return any(verdict.status not in silent for verdict in self.of(family))

    def excludes(self, families: Iterable[str]) -> bool:
        """True when every one of the checks that would see a fault passed, and there is one."""
        names = list(families)
        return bool(names) and all(self.passed(name) for name in names)

    def settled_by(self, families: Iterable[str]) -> str:
        """How to have a suspicion settled that no check has judged: "add training_prompts(tasks)"; else nothing."""
        for name in families:
            if any(verdict.status is Status.NOT_RUN for verdict in self.of(name)):
                return f"{name} has not been run"
            if not self.judged(name):
                method = check_note(name).unlocked_by
                return f"add {method} to the target for {name}" if method else f"run {name}"
        return ""

    def learned(self) -> Verdict | None:
        """The loss check if it passed."""
        return next(iter(self.of("loss_below_random")), None) if self.passed("loss_below_random") else None


def figure(verdict: Verdict, name: str, *, of_threshold: bool = False) -> float:
    """A measured figure (or one of the thresholds) as float; NaN where there is none."""
    value = (verdict.threshold if of_threshold else verdict.measured).get(name)
    return math.nan if value is None or isinstance(value, str) else float(value)
