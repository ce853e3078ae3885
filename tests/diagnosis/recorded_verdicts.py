"""Verdicts as recorded runs gave them, and runs that are put together from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from recorded import data
from recorded.compare import family
from rerank_guard.checks.registry import check_of
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.finding import Affected, Strength, Suspected, suspect
from rerank_guard.core.verdict import Interval, Measured, Status, Verdict

__all__ = ["HEALTHY", "PARTS", "has_failed", "pattern", "records", "verdicts_of"]

HEALTHY = "healthy"
"""The run that patterns start from: the numpy reranker, with every method, at one cutoff."""

PARTS = ("healthy", "faults", "kept_going", "small", "embedded")
"""The recorded files, the one with the bases first; of several runs with one outcome the first is taken."""

Figures = Mapping[str, Mapping[str, Measured]]


@cache
def records() -> Mapping[str, data.Record]:
    """Every recorded run by its id."""
    return data.load(*PARTS)


def verdicts_of(run_id: str) -> list[Verdict]:
    """All verdicts of a recorded run; those of a check that the suite no longer has are left out."""
    return [
        _verdict(name, recorded)
        for name, recorded in records()[run_id]["verdicts"].items()
        if check_of(name) is not None
    ]


def pattern(
    failed: Mapping[str, str | Suspected],
    *,
    inconclusive: Collection[str] = (),
    missing: Collection[str] = (),
    only: Collection[str] | None = None,
    measured: Figures | None = None,
    threshold: Figures | None = None,
    affected: Mapping[str, tuple[int, int]] | None = None,
    base: str = HEALTHY,
) -> list[Verdict]:
    """The verdicts of a healthy run, some of them replaced by verdicts of other runs.

    Args:
        failed: check to fault; the verdict is one of a run in which that check failed under that fault, if possible of a run
            that has this fault. With a cutoff, such as "recall_beats_baseline[K=5]", at this one alone; without, at all.
        inconclusive: checks that take a verdict of a run in which they were inconclusive.
        missing: checks that were not applicable.
        only: the checks that apply; None for all.
        measured, threshold: check to figures in place of the recorded ones. A check that is named here may be given an outcome
            that no run has; its strength is then that of its kind, unless `failed` gives a `Suspected`.
        affected: check to how many of how many units show the fault, in place of what is recorded.
        base: the run to start from.

    Raises:
        LookupError: no run has such an outcome and no figure is given for it, or a figure is none of that check's.
        Skipped: the suite no longer has a check that is to fail or to be undecided.
    """
    for check in (*failed, *inconclusive):
        if check_of(check) is None:
            pytest.skip(f"the suite has no check {check}")
    changed = {"measured": measured or {}, "threshold": threshold or {}}
    return [
        _changed(verdict, changed, affected or {})
        for verdict in _outcomes(failed, inconclusive, missing, only, base, set(changed["measured"]))
    ]


def has_failed(check: str, fault: str) -> bool:
    """Whether in some run the check failed under this fault."""
    return any(
        recorded["status"] == Status.FAILED and recorded["fault"] == fault for recorded in _recorded_of(check)
    )


def _outcomes(
    failed: Mapping[str, str | Suspected],
    inconclusive: Collection[str],
    missing: Collection[str],
    only: Collection[str] | None,
    base: str,
    figures_given: Collection[str],
) -> Iterator[Verdict]:
    names = [name for name in records()[base]["verdicts"] if check_of(name) is not None]
    known = {family(name) for name in names}
    names += [_name_in_any_run(check) for check in (*failed, *inconclusive) if family(check) not in known]
    for name in names:
        check = family(name)
        if (only is not None and check not in only) or check in missing:
            yield _verdict(name, {**data.EMPTY_VERDICT, "status": str(Status.NOT_APPLICABLE)})
        elif name in failed or check in failed:
            fault = failed.get(name) or failed[check]
            yield _outcome(name, Status.FAILED, fault, invented=check in figures_given)
        elif check in inconclusive:
            yield _outcome(name, Status.INCONCLUSIVE, None, invented=check in figures_given)
        else:
            yield _verdict(name, records()[base]["verdicts"][name])


def _outcome(name: str, status: Status, suspected: str | Suspected | None, *, invented: bool) -> Verdict:
    """What some run says under this name; where none does and figures are given, a judged verdict made into it."""
    fault = suspected.fault.name if isinstance(suspected, Suspected) else suspected
    for recorded in _recorded_of(name, fault):
        if recorded["status"] == status and recorded["fault"] == fault:
            return _verdict(name, recorded)
    nearest_first = (Status.FAILED, Status.INCONCLUSIVE, Status.PASSED)
    judged = [recorded for status in nearest_first for recorded in _recorded_of(name) if _shows(recorded, status)]
    if not invented or not judged:
        raise LookupError(
            f"no run has {name} {status} with fault {fault}; give its figures, or take another outcome"
        )
    verdict = _verdict(name, {**judged[0], "status": str(status), "fault": fault, "suspects": [], "affected": []})
    return replace(verdict, suspects=(suspected,)) if isinstance(suspected, Suspected) else verdict


def _shows(recorded: data.Record, status: Status) -> bool:
    return bool(recorded["status"] == status and recorded["measured"])


def _name_in_any_run(check: str) -> str:
    for recorded in records().values():
        for name in recorded["verdicts"]:
            if check in (name, family(name)):
                return str(name)
    raise LookupError(f"no run has a verdict of {check}")


@cache
def _recorded_of(name: str, fault: str | None = None) -> tuple[data.Record, ...]:
    """The verdicts under a name: at its own cutoff first, and of runs whose diagnosis is the fault before others."""
    found = [
        (other != name, (one["diagnosis"] or {}).get("fault") != fault, recorded)
        for one in records().values()
        for other, recorded in one["verdicts"].items()
        if family(other) == family(name)
    ]
    return tuple(recorded for *_, recorded in sorted(found, key=lambda each: each[:2]))


def _changed(verdict: Verdict, changed: Mapping[str, Figures], affected: Mapping[str, tuple[int, int]]) -> Verdict:
    check = family(verdict.check)
    for kind, of_checks in changed.items():
        if figures := of_checks.get(check):
            if unknown := sorted(set(figures) - _figures_of(check, kind)):
                raise LookupError(f"{check} has no figure {unknown[0]!r} among its {kind}, in any run")
            verdict = replace(verdict, **{kind: {**getattr(verdict, kind), **figures}})  # type: ignore[arg-type]
    return replace(verdict, affected=Affected(*affected[check])) if check in affected else verdict


@cache
def _figures_of(check: str, kind: str) -> frozenset[str]:
    return frozenset(figure for recorded in _recorded_of(check) for figure in recorded[kind])


def _verdict(name: str, recorded: Mapping[str, Any]) -> Verdict:
    check, status = check_of(name), Status(recorded["status"])
    suspects = tuple(_suspects(recorded))
    explained = suspects and status is not Status.PASSED
    interval = recorded["interval"]
    return Verdict(
        check=name,
        status=status,
        claim="" if check is None else check.claim,
        measured=_as_given(recorded["measured"]),
        threshold=_as_given(recorded["threshold"]),
        n=recorded["n"] or 0,
        interval=Interval(**_as_given(interval), method="as recorded") if interval else None,
        evidence=tuple(f"row {row} of {name}" for row in range(recorded["evidence"])),
        cause=f"{name} shows {suspects[0].fault}." if explained else "",
        next_step=f"fix {suspects[0].fault}" if explained else "",
        suspects=suspects,
        affected=Affected(*recorded["affected"]) if recorded["affected"] else None,
        p_failed=recorded["p_failed"],
    )


def _suspects(recorded: Mapping[str, Any]) -> Iterator[Suspected]:
    for fault, strength in recorded["suspects"]:
        yield Suspected(fault_named(fault), Strength[strength.upper()])
    if recorded["fault"] is not None and not recorded["suspects"]:
        yield suspect(fault_named(recorded["fault"]), statistical=recorded["p_failed"] is not None)


def _as_given(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Infinities and NaN, which are recorded as text, as numbers."""
    return {name: float(value) if value in ("inf", "-inf", "nan") else value for name, value in figures.items()}
