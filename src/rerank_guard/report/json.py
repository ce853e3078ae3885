"""Verdicts and reports as strict JSON, and their way back; files are replaced whole, never half-written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.finding import Affected, Strength, Suspected
from rerank_guard.core.report import Problem, Report
from rerank_guard.core.verdict import Interval, Status, Verdict

__all__ = [
    "SCHEMA",
    "dumps",
    "report_to_json_dict",
    "strict_json",
    "verdict_from_json_dict",
    "verdict_to_json_dict",
]

SCHEMA = 4
"""Version of the layout of `report.json`; raised when a key changes its meaning or goes."""


def verdict_to_json_dict(verdict: Verdict) -> dict[str, object]:
    """One verdict as strict JSON data, its keys in reading order."""
    interval = verdict.interval
    return {
        "check": verdict.check,
        "status": verdict.status.value,
        "claim": verdict.claim,
        "measured": strict_json(verdict.measured),
        "threshold": strict_json(verdict.threshold),
        "interval": None if interval is None else strict_json(asdict(interval)),
        "n": strict_json(verdict.n),
        "evidence": list(verdict.evidence),
        "cause": verdict.cause,
        "next_step": verdict.next_step,
        "fault": verdict.fault,
        "signs": dict(verdict.signs or {}),
        "suspects": [
            {
                "fault": suspect.fault.name,
                "strength": suspect.strength.name.lower(),
                "cause": suspect.cause,
                "fix": suspect.fix,
            }
            for suspect in verdict.suspects
        ],
        "affected": None if verdict.affected is None else asdict(verdict.affected),
        "p_failed": strict_json(verdict.p_failed),
        "expected": verdict.expected,
        "preview": verdict.preview,
    }


def verdict_from_json_dict(data: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_to_json_dict` was given; what was NaN or infinite comes back as None."""
    interval = data["interval"]
    return Verdict(
        check=data["check"],
        status=Status(data["status"]),
        claim=data["claim"],
        measured=dict(data["measured"]),
        threshold=dict(data["threshold"]),
        n=data["n"],
        interval=None
        if interval is None
        else Interval(
            low=_end(interval["low"]),
            high=_end(interval["high"]),
            level=interval["level"],
            method=interval["method"],
        ),
        evidence=tuple(data["evidence"]),
        cause=data["cause"],
        next_step=data["next_step"],
        signs=dict(data["signs"]),
        suspects=tuple(
            Suspected(
                fault_named(suspect["fault"]),
                Strength[suspect["strength"].upper()],
                suspect["cause"],
                suspect["fix"],
            )
            for suspect in data["suspects"]
        ),
        affected=None if data["affected"] is None else Affected(**data["affected"]),
        p_failed=data["p_failed"],
        expected=data["expected"],
        preview=data["preview"],
    )


def report_to_json_dict(report: Report) -> dict[str, object]:
    """A report as strict JSON data; README and `SCHEMA` fix its keys."""
    subject = report.subject
    return {
        "schema": SCHEMA,
        "target": subject.target,
        "dataset": subject.dataset,
        "device": subject.device,
        "seed": subject.seed,
        "versions": dict(subject.versions),
        "details": strict_json(subject.details),
        "training": None if subject.training is None else strict_json(asdict(subject.training)),
        "configured": [strict_json(asdict(each)) for each in report.configured],
        "ok": report.ok,
        "verdicts": [verdict_to_json_dict(verdict) for verdict in report.verdicts],
        "diagnosis": None if report.diagnosis is None else strict_json(asdict(report.diagnosis)),
        "problems": [_problem(problem) for problem in report.problems],
        "errors": [asdict(error) for error in report.errors],
        "unjudged": [asdict(each) for each in report.unjudged],
    }


def dumps(data: object, *, indent: int | None = None) -> str:
    """Strict JSON text: NaN and infinities are refused; they have to be null before."""
    return json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)


def strict_json(value: object) -> Any:
    """`value` as strict JSON data: numpy scalars as Python's own, NaN and infinities as None, else its text."""
    if isinstance(value, Mapping):
        return {str(key): strict_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [strict_json(entry) for entry in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "item"):  # a numpy scalar, without importing numpy for it
        return strict_json(value.item())
    return str(value)


def _end(value: float | None) -> float:
    return math.nan if value is None else value


def _problem(problem: Problem) -> dict[str, str | None]:
    """A problem without the words that a text has in place of a fault."""
    return {name: value for name, value in asdict(problem).items() if name != "unnamed"}
