"""What a check returns: status, figures, evidence, and the faults it suspects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rerank_guard.core.suspected import Affected, Strength, Suspected, suspect
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Measured, Status

__all__ = ["Affected", "Finding", "Limit", "Sign", "Strength", "Suspected", "not_applicable", "suspect"]

Sign = Literal["<", "<=", ">", ">=", "=="]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measured figure has to satisfy for the check to pass: `figure sign value`.

    Attributes:
        figure: a key of `Finding.measured`.
        sign: the comparison that holds when the check passes.
        value: the threshold.
    """

    figure: str
    sign: Sign
    value: Measured


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check's measurement, before it is worded.

    Attributes:
        status: passed, failed, inconclusive or not_applicable.
        measured: figure name to value; the first one decides.
        limits: thresholds of measured figures, with the comparison that a pass needs.
        compared_with: other figures that the measured ones are compared with (baselines, chance, levels).
        n: how many tasks (or examples, or letters) the deciding figure rests on.
        claim: the sentence that was tested, with its figures; empty for the record's own claim.
        interval: for the first measured figure.
        evidence: up to `MAX_EVIDENCE` rows that show the fault.
        suspects: the faults that the finding points at, the strongest first; none when passed.
        cause, next_step: in place of those of the first suspect; needed where no fault is suspected.
        affected: how many units show the fault.
        p_failed: of a statistical check, the p-value 1/sup E against "this reranker is healthy"; None of an exact one.

    Raises:
        ValueError: more than `MAX_EVIDENCE` rows, or a limit on a figure that is not measured.
    """

    status: Status
    measured: Mapping[str, Measured] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    compared_with: Mapping[str, Measured] = field(default_factory=dict)
    n: int = 0
    claim: str = ""
    interval: Interval | None = None
    evidence: tuple[str, ...] = ()
    suspects: tuple[Suspected, ...] = ()
    cause: str = ""
    next_step: str = ""
    affected: Affected | None = None
    p_failed: float | None = None

    def __post_init__(self) -> None:
        if len(self.evidence) > MAX_EVIDENCE:
            raise ValueError(f"{len(self.evidence)} evidence rows; keep the {MAX_EVIDENCE} most telling ones")
        for limit in self.limits:
            if self.measured and limit.figure not in self.measured:
                raise ValueError(
                    f"a limit on {limit.figure!r}, which is not measured; measured are {', '.join(self.measured)}"
                )


def not_applicable(
    cause: str,
    next_step: str = "",
    *,
    claim: str = "",
    measured: Mapping[str, Measured] | None = None,
    n: int = 0,
    status: Status = Status.NOT_APPLICABLE,
    p_failed: float | None = None,
) -> Finding:
    """The finding of a check that judges nothing, and why; `status` may be NOT_RUN or IGNORED instead."""
    return Finding(
        status, dict(measured or {}), n=n, claim=claim, cause=cause, next_step=next_step, p_failed=p_failed
    )
