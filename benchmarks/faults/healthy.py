"""Healthy runs, 300 seeds: how often does a check fail one?

Training is the cost, so a few jobs are trained and replayed. Each replay draws its held-out users from a large recorded pool,
its training trace from neighbouring steps of a recorded one, and its data (positions, titles) from a world of its own seed.
Exact checks need no replay: they have no chance of a false alarm on healthy data, and are run on every world too.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.faults.processes import in_processes
from benchmarks.faults.replays import POOL, USERS, Recorded, judge, record_healthy, replayed

from rerank_guard.core.verdict import Status
from rerank_guard.suite.error_budget import within_budget

__all__ = ["measure", "recorded"]

SEEDS = 300
JOBS = 2
AT_ONCE = 10
"""Replays that a process judges before it reports back."""

Statuses = list[tuple[str, Status]]
"""Check and status of each verdict of a run."""


def measure(seed: int) -> dict[str, Any]:
    """How the checks judge 300 healthy runs."""
    started = time.monotonic()
    jobs = recorded(seed)
    trained_for = time.monotonic() - started
    with tempfile.TemporaryDirectory(prefix="rerank-faults-") as folder:
        files = [Path(folder) / f"job-{number}.pickle" for number in range(JOBS)]
        for job, file in zip(jobs, files, strict=True):
            file.write_bytes(pickle.dumps(job))
        some = [Some(tuple(files), seed, start) for start in range(0, SEEDS, AT_ONCE)]
        runs = [run for judged in in_processes(_judged, some, "healthy: replays") for run in judged]
    counts = {status: Counter(check for run in runs for check, own in run if own is status) for status in Status}
    return {
        "runs": len(runs),
        "runs_with_a_failed_check": sum(any(status is Status.FAILED for _, status in run) for run in runs),
        "failed": dict(counts[Status.FAILED]),
        "inconclusive": dict(counts[Status.INCONCLUSIVE]),
        "checks": sorted({check for run in runs for check, _ in run}),
        "jobs_trained": JOBS,
        "seconds_of_training": round(trained_for, 1),
        "users_a_run": USERS,
        "pool": POOL,
    }


@lru_cache(maxsize=1)
def recorded(seed: int) -> tuple[Recorded, ...]:
    """The trained jobs that are replayed, of `seed` and the seeds after it; once for all sections of one run."""
    return tuple(in_processes(record_healthy, range(seed, seed + JOBS), "healthy: jobs"))


@dataclass(frozen=True)
class Some:
    """Replays `start` to `start + AT_ONCE`, of recorded jobs in files, for one process."""

    files: tuple[Path, ...]
    seed: int
    start: int


def _judged(some: Some) -> list[Statuses]:
    found = []
    for run in range(some.start, min(some.start + AT_ONCE, SEEDS)):
        rng = np.random.default_rng([some.seed, 21, run])
        verdicts = within_budget(judge(replayed(_load(some.files[run % JOBS]), rng), rng))
        found.append([(verdict.check, verdict.status) for verdict in verdicts])
    return found


@lru_cache(maxsize=JOBS)
def _load(file: Path) -> Recorded:
    job: Recorded = pickle.loads(file.read_bytes())
    return job
