"""The order of the suspected faults: what explains the others comes first."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.core.verdict import Status
from rerank_guard.diagnosis.accounting import Group, brings_about, explains
from rerank_guard.diagnosis.evidence import Evidence

__all__ = ["ranked"]


def ranked(groups: Sequence[Group], evidence: Evidence) -> list[Group]:
    """Causes that follow from nothing else, then symptoms, then what is unrelated to the metrics, then what does follow."""
    causes = sorted((group for group in groups if not group.is_symptom), key=lambda group: group.rank)
    looks = [group for group in groups if group.is_symptom]
    symptoms = sorted(
        looks, key=lambda group: _symptom_key(group, looks, evidence)
    )  # list.sort would show it an empty list
    roots = _roots(causes, symptoms, evidence)
    related = [group for group in roots if not group.fault.unrelated_to_metrics]
    unrelated = [group for group in roots if group.fault.unrelated_to_metrics]
    return [*related, *symptoms, *unrelated, *(group for group in causes if group not in roots)]


def _roots(causes: Sequence[Group], symptoms: Sequence[Group], evidence: Evidence) -> list[Group]:
    """The causes that follow from no other cause and from no symptom."""
    first = [
        group for group in causes if not _follows(group, causes, evidence)
    ] or causes  # a ring has no beginning
    return [group for group in first if not _follows(group, symptoms, evidence)]


def _symptom_key(group: Group, symptoms: Sequence[Group], evidence: Evidence) -> tuple[float, ...]:
    """Most failed verdicts accounted for; the one that says more; not a consequence by name; then by stage and order."""
    reach = sum(
        explains(group, verdict, evidence) for verdict in evidence.verdicts if verdict.status is Status.FAILED
    )
    consequence = any(_follows_by_name(group, other) for other in symptoms)
    return -reach, group.fault.vague, consequence, group.stage, group.first.order


def _follows(effect: Group, groups: Sequence[Group], evidence: Evidence) -> bool:
    return any(brings_about(group, effect, evidence) for group in groups if group != effect)


def _follows_by_name(effect: Group, cause: Group) -> bool:
    return effect.fault.name in cause.fault.explains and cause.fault.name not in effect.fault.explains
