"""Every fault put into the embedded default: is it caught, is it named, and what do naive checks say?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.healthy_target import Healthy, healthy_target, load, save, timed_reference
from benchmarks.faults.kept import Kept, fingerprint
from benchmarks.faults.naive import Observed, naive_failures, observe_alone
from benchmarks.faults.processes import all_threads, in_processes

from rerank_guard.core.errors import VacuousMetricError
from rerank_guard.core.faults.quality import SLOWER
from rerank_guard.core.given import Cost
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.faults import Injector, all_injectors, injector
from rerank_guard.suite import RunSettings, SuiteRun, report_on
from rerank_model.targets.embedded import CUTOFFS

__all__ = ["measure", "one_fault"]

K = max(CUTOFFS)


@dataclass(frozen=True)
class Job:
    """One fault for a process of its own.

    Attributes:
        injector_id: of the fault.
        seed: of the run and of what the fault draws.
        healthy: file of the healthy reranker.
        kept: naive figures of an earlier run that still hold; None to measure them.
        fingerprint: of the naive figures.
    """

    injector_id: str
    seed: int
    healthy: Path
    kept: list[str] | None
    fingerprint: str


def measure(seed: int, only: Sequence[str] = (), kept: Kept | None = None) -> dict[str, Any]:
    """A row a fault.

    Args:
        seed: of everything.
        only: ids of the faults to measure; all where it is empty.
        kept: naive figures of an earlier run, used where their fingerprint is that of today.
    """
    healthy = healthy_target(seed)
    chosen = [each for each in all_injectors() if not only or each.id in only]
    alone = [each for each in chosen if each.fault is SLOWER]
    with tempfile.TemporaryDirectory(prefix="rerank-faults-") as folder:
        file = save(healthy, Path(folder))
        jobs = [_job(each, seed, file, kept or {}) for each in _longest_first(chosen) if each not in alone]
        rows = in_processes(_row, jobs, "faults", _line)
    if alone:  # what is timed, on a machine that does nothing else
        all_threads()
        healthy = replace(healthy, reference=timed_reference(healthy, seed))
        rows += [one_fault(_job(each, seed, Path(), kept or {}), healthy) for each in alone]
    places = {each.id: place for place, each in enumerate(chosen)}
    return {
        "healthy_raised": healthy.raised,
        "healthy_seconds": healthy.seconds,
        "faults": sorted(rows, key=lambda row: places[row["id"]]),
    }


def one_fault(job: Job, healthy: Healthy) -> dict[str, Any]:
    """What the checks, the diagnosis and the naive checks make of one fault."""
    fault = injector(job.injector_id)
    names = [fault.fault.name, *(also.name for also in fault.also)]
    row: dict[str, Any] = {
        "id": fault.id,
        "expected": [names[0], *sorted(set(names[1:]) - {names[0]})],
        "what": fault.what,
        "stage": fault.fault.stage.folder,
        "severity": fault.severity,
    }
    started = time.monotonic()
    broken = partial(fault.broken, healthy.target, seed=job.seed)
    settings = RunSettings(seed=job.seed, reference=healthy.reference if fault.needs_reference else None)
    run = SuiteRun(broken(), settings)
    try:
        report = report_on(run)
    except VacuousMetricError:
        return row | _refused(fault) | {"seconds": round(time.monotonic() - started, 1)}
    row |= _read(report, fault)
    static = {planned.name for planned in run.planned() if planned.cost is Cost.STATIC}
    row["static"] = any(check in static for check in row["by"])
    row["seconds"] = round(time.monotonic() - started, 1)
    row["static_seconds"] = (
        _static_seconds(SuiteRun(broken(), RunSettings(seed=job.seed))) if row["static"] else None
    )
    return row | _naive(job, run)


def _naive(job: Job, run: SuiteRun) -> dict[str, Any]:
    """Of what the run has scored, where it has; else a kept figure, or that of the job trained for these checks alone."""
    if run.inputs.made("raw_scores") is not None:
        return {
            "naive": naive_failures(partial(_observed_in, run), K),
            "naive_fingerprint": None,
            "naive_kept": False,
        }
    found = job.kept if job.kept is not None else naive_failures(partial(observe_alone, run.reranker), K)
    return {"naive": found, "naive_fingerprint": job.fingerprint, "naive_kept": job.kept is not None}


def _observed_in(run: SuiteRun) -> Observed:
    """What a run of ours has trained and scored already."""
    get = run.inputs.get
    return Observed(run.trained(), get("given_tasks"), get("raw_scores"), get("raw_probabilities"))


def _job(fault: Injector, seed: int, healthy: Path, kept: Kept) -> Job:
    now = fingerprint(fault, seed)
    before, naive = kept.get(fault.id, (None, []))
    return Job(fault.id, seed, healthy, naive if before == now else None, now)


def _row(job: Job) -> dict[str, Any]:
    return one_fault(job, load(job.healthy))


def _longest_first(chosen: Sequence[Injector]) -> list[Injector]:
    """Those that train come first."""
    return sorted(chosen, key=lambda each: not each.retrains)


def _line(row: dict[str, Any]) -> str:
    verdict = "right" if row["right"] else f"WRONG, expected {row['expected'][0]}"
    caught = f"{row['named']} ({verdict})" if row["caught"] else "NOT CAUGHT"
    return f"{row['id']:5} {caught}; by {', '.join(row['by'][:3]) or 'nothing'}; {row['seconds']:.0f} s"


def _refused(fault: Injector) -> dict[str, Any]:
    """Cutoffs that cannot fail are refused before any check; with K >= N a recall that people write themselves is 1."""
    named = "vacuous-metric"
    return {
        "caught": True,
        "by": ["collection"],
        "inconclusive": [],
        "named": named,
        "right": fault.names_rightly(named),
        "certainty": "seen",
        "runner_up": None,
        "stopped": True,
        "static": True,
        "static_seconds": None,
        "naive": [],
        "naive_fingerprint": None,
        "naive_kept": False,
    }


def _read(report: Report, fault: Injector) -> dict[str, Any]:
    diagnosis = report.diagnosis
    failed = [verdict.check for verdict in report.verdicts if verdict.status is Status.FAILED]
    open_ones = [verdict.check for verdict in report.verdicts if verdict.status is Status.INCONCLUSIVE]
    named = diagnosis.fault if diagnosis is not None else None
    runner_up = diagnosis.runner_up if diagnosis is not None else None
    return {
        "caught": not report.ok,
        "by": failed,
        "inconclusive": open_ones,
        "named": named,
        "right": fault.names_rightly(named),
        "certainty": str(diagnosis.certainty) if diagnosis is not None else None,
        "runner_up": runner_up.fault if runner_up is not None else None,
        "stopped": any(verdict.status is Status.NOT_RUN for verdict in report.verdicts),
    }


def _static_seconds(run: SuiteRun) -> float:
    """How long it takes to the first static verdict that fails, no step trained."""
    started = time.monotonic()
    for planned in run.planned():
        if planned.cost is Cost.STATIC and run.judge(planned).status is Status.FAILED:
            break
    return round(time.monotonic() - started, 2)
