"""Every fault put into the embedded default: is it caught, is it named, and what do naive gates say?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from benchmarks.zoo.naive import naive_failures
from tqdm import tqdm

from rerank_guard.errors import VacuousMetricError
from rerank_guard.faults import Fault, TrainedOnce, all_faults
from rerank_guard.report.report import Report
from rerank_guard.stored import StoredRun
from rerank_guard.suite import SuiteSession
from rerank_guard.suite.catalogue import gates_for
from rerank_guard.suite.gates import Tier, judge
from rerank_guard.suite.run import report_on
from rerank_guard.target import RerankTarget
from rerank_guard.verdict import Status
from rerank_model.embedded import CUTOFFS, make_target

__all__ = ["measure", "one_fault"]

K = max(CUTOFFS)


@dataclass(frozen=True)
class Sound:
    """The target without a fault: trained once, judged, and stored."""

    target: RerankTarget
    stored: StoredRun
    raised: list[str]
    seconds: float


def measure(seed: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """A row a fault; `only` keeps those of these zoo ids."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    sound = sound_twin(seed)
    faults = [fault for fault in all_faults() if not only or fault.zoo_id in only]
    rows = []
    for fault in tqdm(faults, desc="faults", unit="fault"):
        rows.append(one_fault(fault, sound, seed))
        tqdm.write(_line(rows[-1]))
    return {"sound_raised": sound.raised, "sound_seconds": sound.seconds, "faults": rows}


def sound_twin(seed: int) -> Sound:
    started = time.monotonic()
    target = TrainedOnce(make_target(seed, "cpu"))
    session = SuiteSession(target, seed=seed)
    report = report_on(session)
    return Sound(
        target=target,
        stored=session.stored_run("2026-01-01"),
        raised=[verdict.check for verdict in report.verdicts if not verdict.ok],
        seconds=round(time.monotonic() - started, 1),
    )


def one_fault(fault: Fault, sound: Sound, seed: int) -> dict[str, Any]:
    """What the gates, the diagnosis and the naive gates make of one fault."""
    row: dict[str, Any] = {
        "zoo_id": fault.zoo_id,
        "expected": sorted({fault.name, *fault.also}, key=lambda name: name != fault.name),
        "what": fault.what,
        "stage": str(fault.stage),
        "severity": fault.severity,
    }
    stored = sound.stored if fault.needs_stored else None
    started = time.monotonic()
    try:
        session = SuiteSession(fault.broken(sound.target, seed=seed), seed=seed, stored=stored)
        report = report_on(session)
    except VacuousMetricError:
        row |= {
            "caught": True,
            "named": "vacuous-metric",
            "certainty": "seen",
            "by": ["collection"],
            "static": True,
            "stopped": True,
        }
        row |= {"seconds": round(time.monotonic() - started, 1), "runner_up": None}
        row["right"] = fault.names_rightly(row["named"])
        # what people write has no cutoff that is refused: with K >= N their recall is 1
        row["naive"] = []
        return row
    row |= _read(report, fault)
    static = {gate.name for gate in gates_for(session) if gate.tier is Tier.STATIC}
    row["static"] = any(check in static for check in row["by"])
    row["seconds"] = round(time.monotonic() - started, 1)
    row["static_seconds"] = _static_seconds(fault, sound, seed) if row["static"] else None
    row["naive"] = naive_failures(session, K)
    return row


def _line(row: dict[str, Any]) -> str:
    verdict = "right" if row["right"] else f"WRONG, expected {row['expected'][0]}"
    caught = f"{row['named']} ({verdict})" if row["caught"] else "NOT CAUGHT"
    return f"{row['zoo_id']:5} {caught}; by {', '.join(row['by'][:3]) or 'nothing'}; {row['seconds']:.0f} s"


def _read(report: Report, fault: Fault) -> dict[str, Any]:
    diagnosis = report.diagnosis
    failed = [verdict.check for verdict in report.verdicts if verdict.status is Status.FAILED]
    open_ones = [verdict.check for verdict in report.verdicts if verdict.status is Status.INCONCLUSIVE]
    named = diagnosis.fault if diagnosis is not None else None
    return {
        "caught": not report.ok,
        "by": failed,
        "inconclusive": open_ones,
        "named": named,
        "right": fault.names_rightly(named),
        "certainty": str(diagnosis.certainty) if diagnosis is not None else None,
        "runner_up": diagnosis.runner_up.fault
        if diagnosis is not None and diagnosis.runner_up is not None
        else None,
        "stopped": any(verdict.status is Status.NOT_RUN for verdict in report.verdicts),
    }


def _static_seconds(fault: Fault, sound: Sound, seed: int) -> float:
    """How long it takes to the first static verdict that fails, no step trained."""
    session = SuiteSession(fault.broken(sound.target, seed=seed), seed=seed)
    started = time.monotonic()
    for gate in gates_for(session):
        if gate.tier is Tier.STATIC and judge(gate, session).status is Status.FAILED:
            break
    return round(time.monotonic() - started, 2)
