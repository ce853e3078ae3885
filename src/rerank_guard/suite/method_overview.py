"""What the methods of a reranker allow, and what the ones that it lacks would: collected without scoring or training."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rerank_guard.core.given import method_of
from rerank_guard.core.target import RerankTarget
from rerank_guard.suite.input_records import all_inputs, capabilities_used, missing_capabilities
from rerank_guard.suite.needs import methods_needed, needs_reference_run
from rerank_guard.suite.planned import Planned, plan_checks
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun

__all__ = ["LackingMethods", "Method", "MethodGroup", "MethodOverview", "overview_of"]


@dataclass(frozen=True, slots=True)
class Method:
    """A method that a reranker may have.

    Attributes:
        call: as a user would write it, such as "score_reloaded(tasks)".
        returns: what it returns, in the first words of its documentation.
    """

    call: str
    returns: str


@dataclass(frozen=True, slots=True)
class MethodGroup:
    """Checks that need the same methods.

    Attributes:
        methods: as a user would write them.
        checks: each once, whatever the cutoffs, cheapest first.
    """

    methods: tuple[str, ...]
    checks: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class LackingMethods:
    """Methods that the reranker lacks, and what they would add.

    Attributes:
        methods: all of them are needed together.
        checks: that could be judged with them.
        used_by: checks that are judged anyway, and would use what the method gives too.
    """

    methods: tuple[Method, ...]
    checks: tuple[Planned, ...]
    used_by: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class MethodOverview:
    """What a reranker offers, and what it does not.

    Attributes:
        name: of the reranker.
        n_tasks: held-out tasks.
        cutoffs: the K at which it is judged.
        has: the checks that judge it, by the methods that they need.
        lacks: the checks that do not, by the methods that are missing for them.
        with_reference: checks that compare with a reference run.
    """

    name: str
    n_tasks: int
    cutoffs: tuple[int, ...]
    has: tuple[MethodGroup, ...]
    lacks: tuple[LackingMethods, ...]
    with_reference: tuple[Planned, ...]


def overview_of(reranker: RerankTarget, settings: RunSettings | None = None) -> MethodOverview:
    """Ask a reranker for its tasks alone, and its methods for nothing.

    A method that raises `NotOfferedError` when it is called counts as present here.

    Args:
        reranker: whose methods are looked at.
        settings: of the run; their cutoffs are taken where they have some.

    Raises:
        TargetError, InvalidTaskError, VacuousMetricError: the reranker has no usable task or cutoff.
    """
    inputs = SuiteRun(reranker, settings).inputs
    cutoffs: tuple[int, ...] = inputs.get("cutoffs")
    planned = plan_checks(cutoffs[:1])
    offered = [each for each in planned if not each.missing(reranker)]
    judged = [each for each in offered if not needs_reference_run(each)]
    return MethodOverview(
        name=reranker.name,
        n_tasks=len(inputs.get("given_tasks")),
        cutoffs=cutoffs,
        has=_grouped(judged),
        lacks=tuple(_lacking(planned, judged, reranker)),
        with_reference=tuple(each for each in offered if needs_reference_run(each)),
    )


def _grouped(judged: Sequence[Planned]) -> tuple[MethodGroup, ...]:
    found: dict[tuple[str, ...], list[Planned]] = {}
    for each in judged:
        found.setdefault(methods_needed(each), []).append(each)
    return tuple(MethodGroup(methods, tuple(checks)) for methods, checks in found.items())


def _lacking(
    planned: Sequence[Planned], judged: Sequence[Planned], reranker: RerankTarget
) -> Iterable[LackingMethods]:
    """First what unlocks checks, in their order; then what checks only look at where it is there."""
    unlocked: dict[tuple[type, ...], list[Planned]] = {}
    for each in planned:
        if missing := each.missing(reranker):
            unlocked.setdefault(missing, []).append(each)
    for capability in missing_capabilities(all_inputs(), reranker):
        unlocked.setdefault((capability,), [])
    for capabilities, checks in unlocked.items():
        used_by = [each for each in judged if len(capabilities) == 1 and capabilities[0] in _used(each)]
        if checks or used_by:
            yield LackingMethods(tuple(map(_method, capabilities)), tuple(checks), tuple(used_by))


def _used(planned: Planned) -> frozenset[type]:
    """The capabilities that a check makes use of where they are there, beside those that it needs."""
    return capabilities_used(planned.inputs.values())


def _method(capability: type) -> Method:
    call = method_of(capability)
    documentation = inspect.getdoc(vars(capability)[call.partition("(")[0]]) or ""
    return Method(call, " ".join(documentation.partition("\n\n")[0].split()))
