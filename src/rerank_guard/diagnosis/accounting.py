"""Which verdicts a fault accounts for, and which faults follow from others."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.checks.registry import check_of
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.faults.groups import LOOKS
from rerank_guard.core.finding import Strength
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.diagnosis.evidence import Evidence
from rerank_guard.diagnosis.suspicion import Suspicion, first_suspect

__all__ = ["Group", "accounts_for", "brings_about", "covers", "explains", "grouped", "stage_of"]


FEW = 0.2
"""Share of the units below which a fault affects few of them."""


@dataclass(frozen=True, slots=True)
class Group:
    """All suspicions of one fault, the strongest first."""

    suspicions: tuple[Suspicion, ...]

    @property
    def first(self) -> Suspicion:
        """The strongest one."""
        return self.suspicions[0]

    @property
    def fault(self) -> Fault:
        """What they suspect."""
        return self.first.fault

    @property
    def is_symptom(self) -> bool:
        """Whether none of them says more than how the figures look."""
        return self.first.strength is Strength.SYMPTOM

    @property
    def stage(self) -> int:
        """Of a cause where it is; of a symptom where it first shows, if that is later."""
        if not self.is_symptom or any(suspicion.inferred for suspicion in self.suspicions):
            return self.fault.stage
        return max(self.fault.stage, min(stage_of(suspicion.source) for suspicion in self.suspicions))

    @property
    def rank(self) -> tuple[float, ...]:
        """The sort key of causes: strength, then whether few units are affected, then the stage, then the order of the run.

        Shares of different units (letters, prompts, tasks) are no fine measure, and many a finding counts none; so a share
        only moves a fault of few behind those of more.
        """
        return self.first.strength, self.first.share < FEW, self.stage, self.first.order


def grouped(suspicions: list[Suspicion]) -> list[Group]:
    """The suspicions by fault, in the order in which the faults came up."""
    by_fault: dict[str, list[Suspicion]] = {}
    for suspicion in suspicions:
        by_fault.setdefault(suspicion.fault.name, []).append(suspicion)
    return [
        Group(tuple(sorted(group, key=lambda each: (each.strength, each.order)))) for group in by_fault.values()
    ]


def stage_of(verdict_name: str) -> Stage:
    """The stage that a check looks at; a check of the user's own, or a probe, counts as the last."""
    record = check_of(verdict_name)
    return Stage.QUALITY if record is None else record.stage


def accounts_for(fault: Fault, verdict: Verdict) -> bool:
    """Whether a fault explains a verdict that is not ok: it is named there, or brings about what is.

    What an exact check saw is not explained by a fault further up that merely makes figures look so, nor by a symptom: these
    are for statistics. Two causes of one stage are two readings of the same thing, and one of them may well explain the other.
    """
    if verdict.fault == fault.name:
        return True
    if verdict.status is Status.FAILED and first_suspect(verdict).fault is RESULT_MALFORMED:
        return RESULT_MALFORMED.name in fault.explains  # what could not be judged, whatever its check looks at
    if stage_of(verdict.check) < fault.stage and (verdict.fault in LOOKS or verdict.fault not in fault.explains):
        return False  # what comes later explains an earlier check only where its record says so of that very fault
    named = _looks_like(verdict)
    if named is None:
        return False
    seen = verdict.status is Status.FAILED and first_suspect(verdict).strength is Strength.SEEN
    only_looks_so = fault.symptom or fault.stage < named.stage
    return named.name in fault.explains and not (seen and named.name in LOOKS and only_looks_so)


def _looks_like(verdict: Verdict) -> Fault | None:
    """What a verdict has to be explained as: what its check always looks like, if that is vaguer than what it names."""
    record = check_of(verdict.check)
    looks_like = None if record is None else record.looks_like
    named = verdict.suspects[0].fault if verdict.suspects else None
    if looks_like is not None and (verdict.status is Status.INCONCLUSIVE or looks_like.unnamed):
        return looks_like
    return named or looks_like


def explains(group: Group, verdict: Verdict, evidence: Evidence) -> bool:
    """Whether a group of suspicions comes from a verdict, or accounts for it."""
    if any(suspicion.source == verdict.check for suspicion in group.suspicions):
        return True
    if group.fault.refuted_by_learning and evidence.learned() is not None:
        return verdict.fault == group.fault.name
    return accounts_for(group.fault, verdict)


def covers(cause: Group, effect: Group, evidence: Evidence) -> bool:
    """Whether the verdicts that show the effect best are explained by the cause; what no verdict shows, by its name."""
    shown_by = _sources(effect, evidence)
    if not shown_by:
        return effect.fault.name in cause.fault.explains
    return all(explains(cause, verdict, evidence) for verdict in shown_by)


def brings_about(cause: Group, effect: Group, evidence: Evidence) -> bool:
    """One way only: where each could bring about the other, strength and stage decide. A symptom cannot undo a probe."""
    if cause.is_symptom and not _sources(effect, evidence):
        return False
    return covers(cause, effect, evidence) and not covers(effect, cause, evidence)


def _sources(group: Group, evidence: Evidence) -> list[Verdict]:
    named = {each.source for each in group.suspicions if each.strength is group.first.strength}
    return [verdict for verdict in evidence.verdicts if verdict.check in named]
