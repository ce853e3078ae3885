"""What a check says: one claim, whether it holds, what was measured, the thresholds, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.core.suspected import Affected, Suspected

__all__ = ["MAX_EVIDENCE", "Interval", "Measured", "Status", "Verdict"]

MAX_EVIDENCE = 5
"""Evidence rows kept by a verdict: enough to see the pattern, few enough to read."""

Measured = float | int | str | bool | None


class Status(StrEnum):
    """The outcomes of a check; INCONCLUSIVE never counts as a pass.

    NOT_RUN is that of a check behind a job that was not started, because an earlier check had failed; IGNORED of one that
    the configuration leaves out.
    """

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    IGNORED = "ignored"

    @property
    def says_something(self) -> bool:
        """True of a check that was judged: passed, failed or inconclusive."""
        return self in (Status.PASSED, Status.FAILED, Status.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval for the first entry of `Verdict.measured`.

    Attributes:
        low, high: its ends, in the measurement's unit.
        level: confidence, such as 0.998.
        method: how it was made, such as "Clopper-Pearson".
    """

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check, worded.

    Attributes:
        check: the check's name, such as "recall_beats_baseline[K=20]".
        status: passed, failed, inconclusive, not_applicable or not_run.
        claim: the one sentence that the check tests, true when it passed.
        measured: name to value; the first entry is the figure that decided.
        threshold: name to value; what the figures were compared with.
        n: how many tasks (or examples, or letters) the figure rests on.
        signs: figure name to the comparison with its threshold that holds when the check passes, such as "<=".
        interval: for the first measured entry, where one exists.
        evidence: up to `MAX_EVIDENCE` rows that show the fault.
        cause: the likely cause, empty when passed.
        next_step: what to do about it, empty when passed.
        suspects: the faults that the check points at, the strongest first.
        affected: how many units show the fault, where the check counts them.
        p_failed: of a statistical check, the p-value 1/sup E against "this reranker is healthy"; None of an exact one.
            Goes through Holm with those of the other checks (`suite.error_budget`).
        expected: why this check may fail; then its failure does not fail the run, and its passing does.
        preview: the check is new, and does not count for the run.
    """

    check: str
    status: Status
    claim: str
    measured: dict[str, Measured]
    threshold: dict[str, Measured]
    n: int
    signs: dict[str, str] | None = None
    interval: Interval | None = None
    evidence: tuple[str, ...] = ()
    cause: str = ""
    next_step: str = ""
    suspects: tuple[Suspected, ...] = ()
    affected: Affected | None = None
    p_failed: float | None = None
    expected: str = ""
    preview: bool = False

    def __post_init__(self) -> None:
        if len(self.evidence) > MAX_EVIDENCE:
            raise ValueError(f"{len(self.evidence)} evidence rows; keep the {MAX_EVIDENCE} most telling ones")

    @property
    def fault(self) -> str | None:
        """The name of the fault that a failed verdict points at first; None of any other verdict, or where none is known."""
        return self.suspects[0].fault.name if self.suspects and self.status is Status.FAILED else None

    @property
    def ok(self) -> bool:
        """True when the verdict does not fail a run.

        It passed, or was not judged; or it was expected to fail and did; or it is a preview. What was expected to fail and
        passed is not ok: the expectation no longer holds.
        """
        if self.preview or not self.status.says_something:
            return True
        return (self.status is Status.PASSED) is not bool(self.expected)

    @property
    def excused(self) -> bool:
        """True of a failure or doubt that does not fail the run: expected, or of a preview check."""
        return self.ok and self.status in (Status.FAILED, Status.INCONCLUSIVE)
