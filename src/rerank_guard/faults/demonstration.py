"""Finds what shows a check failing, or a fault: an example of its own, or the injector of a fault that the check names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.fault import Fault
from rerank_guard.core.given import Cost
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.faults.catalogue import all_injectors
from rerank_guard.faults.example import HEALTHY, Example
from rerank_guard.faults.example_catalogue import all_examples
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.workbench import Workbench, planned_of

__all__ = ["Candidate", "Demonstration", "Shown", "candidates_of_check", "candidates_of_fault", "demonstrated"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may show a fault by a check: an injector of the fault, or an example of its own.

    Attributes:
        check: name of the check or variant.
        fault: what is shown.
        source: the injector or the example.
    """

    check: str
    fault: Fault
    source: Injector | Example

    @property
    def what(self) -> str:
        """What is wrong, in one line."""
        return self.source.what

    @property
    def injector_id(self) -> str | None:
        """The id for `rerank-guard selftest --only`; None of an example that no injector makes."""
        return self.source.id if isinstance(self.source, Injector) else None


@dataclass(frozen=True, slots=True)
class Shown:
    """One executed example.

    Attributes:
        what: what was judged, in one line.
        verdict: of the check.
        diagnosis: of the whole suite, where no check names the fault.
    """

    what: str
    verdict: Verdict
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A check that fails because of a fault, and passes without it.

    Attributes:
        candidate: what shows it.
        failing, passing: the two executed examples.
    """

    candidate: Candidate
    failing: Shown
    passing: Shown


def candidates_of_check(name: str) -> Iterator[Candidate]:
    """What may show a check or a variant failing: by the faults that it names, first those that train no copy."""
    planned = planned_of(name)
    for fault in planned.check.can_name:
        yield from (Candidate(planned.family, fault, each) for each in _sources(fault, planned.family))


def candidates_of_fault(fault: Fault) -> Iterator[Candidate]:
    """What may show a fault: its injectors by the checks that name it, the cheapest first, and examples of its own.

    Examples come before injectors that need a reference run, which are seen only by what a machine's clock or a second
    training job say.
    """
    naming = [planned_of(name) for name, check in all_checks().items() if fault in check.can_name]
    pairs = [
        (each.needs_reference, planned.cost, each.retrains, Candidate(planned.family, fault, each))
        for planned in naming
        for each in _injectors(fault)
    ]
    own = [
        (False, max(Cost) + 1, False, Candidate(each.check, fault, each))
        for each in all_examples()
        if each.fault is fault
    ]
    yield from (candidate for *_, candidate in sorted([*pairs, *own], key=lambda pair: pair[:3]))


def demonstrated(candidates: Iterator[Candidate], workbench: Workbench) -> Demonstration | None:
    """Judge the candidates until one shows its fault; None where none does.

    Args:
        candidates: in the order in which they are tried.
        workbench: the rerankers.
    """
    for candidate in candidates:
        failing = _failing(candidate, workbench)
        if failing is not None:
            return Demonstration(candidate, failing, _passing(candidate, workbench))
    return None


def _sources(fault: Fault, check: str) -> list[Injector | Example]:
    own = [each for each in all_examples() if each.fault is fault and each.check == check]
    return [*own, *_injectors(fault)]


def _injectors(fault: Fault) -> list[Injector]:
    return sorted((each for each in all_injectors() if each.fault is fault), key=lambda each: each.retrains)


def _failing(candidate: Candidate, workbench: Workbench) -> Shown | None:
    """The executed example, if it shows the fault."""
    source = candidate.source
    if isinstance(source, Example):
        diagnosis = None if source.diagnosis is None else source.diagnosis(workbench)
        return Shown(source.what, source.failing(workbench), diagnosis)
    try:
        verdict = workbench.judged(candidate.check, workbench.broken(source))
    except (RerankGuardError, NotImplementedError):  # refused before it is judged, or nothing there to break
        return None
    if verdict.status is Status.FAILED and verdict.fault == candidate.fault.name:
        return Shown(f"a small healthy reranker with a fault: {source.what}", verdict)
    return None


def _passing(candidate: Candidate, workbench: Workbench) -> Shown:
    source = candidate.source
    if isinstance(source, Example) and source.passing is not None:
        return Shown(source.what_passing, source.passing(workbench))
    return Shown(HEALTHY, workbench.judged(candidate.check))
