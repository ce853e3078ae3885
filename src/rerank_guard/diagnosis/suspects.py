"""From verdicts and probes to suspects: who is accused, by what kind of proof, and which verdicts it would explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rerank_guard.diagnosis.catalogue import check_note, family_of, fault_note
from rerank_guard.diagnosis.diagnosis import Probe
from rerank_guard.diagnosis.note import ABOVE_CEILING, LETTERS_UNLIKELY, LOOKS, FaultNote
from rerank_guard.report.text import format_value
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["Accusation", "Proof", "accounts_for", "accuse", "figures_of", "of_probe"]

_SEES_THROUGH = frozenset({"training_planned", "scores_match_reference"})
"""Exact checks that see what is behind a symptom's name: the plan's own figures, the very hypothesis that makes the scores."""

_SAYS_NO_CAUSE = frozenset({"scores-not-from-model"})
"""Names that leave open what is wrong, whoever gives them."""


class Proof(IntEnum):
    """How a suspect is accused, the strongest first."""

    SEEN = 0
    STATISTICAL = 1
    SYMPTOM = 2


@dataclass(frozen=True, slots=True)
class Accusation:
    """One fault that something points at.

    Attributes:
        fault: its name.
        proof: by what kind of proof.
        source: the check or probe.
        order: place of the source in the suite; probes come after all checks.
        cause, fix: its words for it.
        evidence: rows that show it.
        exact: no statistics were needed.
        inferred: from several verdicts together.
    """

    fault: str
    proof: Proof
    source: str
    order: int
    cause: str
    fix: str
    evidence: tuple[str, ...]
    exact: bool = False
    inferred: bool = False

    @property
    def note(self) -> FaultNote:
        """The catalogue's note of the fault."""
        return fault_note(self.fault)


def accuse(verdicts: Sequence[Verdict]) -> Iterator[Accusation]:
    """One accusation a failed verdict, in the order given."""
    for order, verdict in enumerate(verdicts):
        if verdict.status is Status.FAILED:
            fault = _believed(verdict)
            yield Accusation(
                fault=fault,
                proof=_proof(verdict, fault),
                source=verdict.check,
                order=order,
                cause=_in_words(verdict, fault),
                fix=verdict.next_step or fault_note(fault).fix,
                evidence=(figures_of(verdict), *verdict.evidence)[:MAX_EVIDENCE],
                exact=verdict.p_failed is None,
            )


def of_probe(probe: Probe, order: int) -> Accusation:
    """A probe's accusation: it has brought the figures back, so the fault counts as seen."""
    known = fault_note(probe.fault)
    return Accusation(
        probe.fault,
        Proof.SEEN,
        f"probe: {probe.name}",
        order,
        f"{known.what} {probe.says}",
        known.fix,
        (probe.says,),
    )


def accounts_for(accused: FaultNote, verdict: Verdict) -> bool:
    """Whether a fault explains a verdict that is not ok: it is named there, or brings about what is.

    What an exact check saw is not explained by a fault further up that merely makes figures look so: that is for
    statistics. Two faults of one stage are two readings of the same thing, and one of them may well explain the other.
    """
    if verdict.fault == accused.name:
        return True
    if verdict.status is Status.FAILED and _believed(verdict) == "malformed-data":
        return "malformed-data" in accused.explains  # what could not be judged, whatever its check looks at
    if check_note(verdict.check).stage < accused.stage and (
        verdict.fault in LOOKS or verdict.fault not in accused.explains
    ):
        return (
            False  # what comes later explains an earlier check only where the catalogue says so of that very fault
        )
    named = verdict.fault or check_note(verdict.check).looks_like
    if verdict.status is Status.INCONCLUSIVE:
        named = check_note(verdict.check).looks_like or named
    if named is None:
        return False
    if family_of(verdict.check) == "recall_within_ceiling":
        return ABOVE_CEILING in accused.explains
    if family_of(verdict.check) == "letter_mass":
        return LETTERS_UNLIKELY in accused.explains
    seen = verdict.status is Status.FAILED and _proof(verdict, named) is Proof.SEEN
    return named in accused.explains and not (seen and named in LOOKS and accused.stage < fault_note(named).stage)


def figures_of(verdict: Verdict) -> str:
    """The deciding figure with what it was held against, on one line."""
    if not verdict.measured:
        return f"{verdict.check}: {verdict.evidence[0]}" if verdict.evidence else verdict.check
    name, value = next(iter(verdict.measured.items()))
    against = verdict.threshold.get(name)
    if name not in verdict.threshold and verdict.threshold:
        first, against = next(iter(verdict.threshold.items()))
        held = f", {first} = {format_value(against)}"
    else:
        held = f" (against {format_value(against)})" if name in verdict.threshold else ""
    return f"{verdict.check}: {name} = {format_value(value)}{held}, n = {verdict.n}"


def _in_words(verdict: Verdict, fault: str) -> str:
    """What is wrong, with the number of users where the check counts them, and then the check's own words for why."""
    what = fault_note(fault).what
    if not verdict.cause:
        return what
    name, value = next(iter(verdict.measured.items()), ("", None))
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= verdict.n
    if verdict.p_failed is None and counted and name.endswith("users"):
        return f"{what.removesuffix('.')}: {value} of {verdict.n} users. {verdict.cause}"
    return verdict.cause


def _believed(verdict: Verdict) -> str:
    """The fault that a failed verdict names; where it names none, what its check looks at, or that it was unreadable."""
    if verdict.fault is not None:
        return verdict.fault
    if not verdict.measured and verdict.p_failed is None:
        return "malformed-data"
    looks_like = check_note(verdict.check).looks_like
    return looks_like if looks_like not in (None, ABOVE_CEILING, LETTERS_UNLIKELY) else "malformed-data"


def _proof(verdict: Verdict, fault: str) -> Proof:
    family = family_of(verdict.check)
    if fault in _SAYS_NO_CAUSE or family == "letter_mass":
        return Proof.SYMPTOM
    if fault_note(fault).symptom and not (verdict.p_failed is None and family in _SEES_THROUGH):
        return Proof.SYMPTOM
    if verdict.fault is None and verdict.measured:
        return Proof.SYMPTOM
    return Proof.SEEN if verdict.p_failed is None else Proof.STATISTICAL
