"""A suspected fault with its source: which check or probe points at it, how strongly, and in which words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rerank_guard.core.diagnosis import Probe
from rerank_guard.core.fault import Fault
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.finding import Strength, Suspected
from rerank_guard.core.formats import format_value
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["PROBE", "Suspicion", "deciding_figure", "first_suspect", "of_probe", "of_verdicts"]

PROBE = "probe: "
"""Begins the source of what a probe suspects."""

_WHOLE = 1.0
"""The share of a finding that counts no units: what it says holds for all of them."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One fault that a check, a probe or a rule points at.

    Attributes:
        fault: its record.
        strength: how it is suspected.
        source: the check or probe.
        order: place of the source in the run; probes come after all checks.
        cause, fix: the words for it.
        evidence: rows that show it.
        share: of the units that the source looked at, those that show it; 1 where it counts none.
        exact: no statistics were needed.
        inferred: it follows from several verdicts together.
    """

    fault: Fault
    strength: Strength
    source: str
    order: int
    cause: str
    fix: str
    evidence: tuple[str, ...]
    share: float = _WHOLE
    exact: bool = False
    inferred: bool = False


def of_verdicts(verdicts: Sequence[Verdict]) -> Iterator[Suspicion]:
    """One suspicion a failed verdict, in the order given: its first suspect."""
    for order, verdict in enumerate(verdicts):
        if verdict.status is Status.FAILED:
            first = first_suspect(verdict)
            yield Suspicion(
                fault=first.fault,
                strength=first.strength,
                source=verdict.check,
                order=order,
                cause=_cause(verdict, first.fault),
                fix=verdict.next_step or first.fault.fix,
                evidence=(deciding_figure(verdict), *verdict.evidence)[:MAX_EVIDENCE],
                share=_WHOLE if verdict.affected is None else verdict.affected.share,
                exact=verdict.p_failed is None,
            )


def of_probe(probe: Probe, order: int) -> Suspicion:
    """A probe's suspicion: it brings the figures back, so the fault counts as measured."""
    fault = fault_named(probe.fault)
    return Suspicion(
        fault,
        Strength.MEASURED,
        f"{PROBE}{probe.name}",
        order,
        f"{fault.what} {probe.says}",
        fault.fix,
        (probe.says,),
    )


def first_suspect(verdict: Verdict) -> Suspected:
    """What a failed verdict points at first; one that suspects nothing could not read its data."""
    return verdict.suspects[0] if verdict.suspects else Suspected(RESULT_MALFORMED, Strength.SEEN)


def deciding_figure(verdict: Verdict) -> str:
    """The deciding figure with its threshold, on one line."""
    if not verdict.measured:
        return f"{verdict.check}: {verdict.evidence[0]}" if verdict.evidence else verdict.check
    name, value = next(iter(verdict.measured.items()))
    threshold = verdict.threshold.get(name)
    if name in verdict.threshold:
        compared = f" (threshold {format_value(threshold)})"
    elif verdict.threshold:
        other, threshold = next(iter(verdict.threshold.items()))
        compared = f", {other} = {format_value(threshold)}"
    else:
        compared = ""
    return f"{verdict.check}: {name} = {format_value(value)}{compared}, n = {verdict.n}"


def _cause(verdict: Verdict, fault: Fault) -> str:
    """What is wrong, with the number of units where an exact check counts them, and then the check's own words for why."""
    if not verdict.cause:
        return fault.what
    affected = verdict.affected
    if verdict.p_failed is None and affected is not None and affected.n > 0 and verdict.cause != fault.what:
        counted = f"{affected.n} of {affected.of} {affected.unit}"
        return f"{fault.what.removesuffix('.')}: {counted}. {verdict.cause}"
    return verdict.cause
