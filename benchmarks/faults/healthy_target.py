"""The embedded default without a fault: trained and judged once, and shared by all that needs a healthy reranker."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks.faults.processes import all_threads

from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import TrainingTrace
from rerank_guard.faults import TrainedOnce
from rerank_guard.stored import StoredRun
from rerank_guard.suite import RunSettings, SuiteRun, report_on
from rerank_model.targets.embedded import WorldTarget, make_target

__all__ = ["Healthy", "healthy_target", "load", "save", "silent", "timed_reference"]

CREATED = "2026-01-01"
"""Date of the reference run; no check reads it."""


@dataclass(frozen=True)
class Healthy:
    """The default target, trained.

    Attributes:
        world: the target itself.
        target: the same, whose job is not run again.
        reference: its run without a timing: a broken reranker is scored while another process works.
        raised: checks that did not pass on it.
        seconds: of training and judging it.
    """

    world: WorldTarget
    target: RerankTarget
    reference: StoredRun
    raised: list[str]
    seconds: float

    @property
    def trace(self) -> TrainingTrace:
        """Of its training job."""
        trace: TrainingTrace = self.target.train(silent)  # type: ignore[attr-defined]
        return trace

    @property
    def smoke_trace(self) -> TrainingTrace:
        """Of its job on one batch."""
        trace: TrainingTrace = self.target.train_one_batch(silent)  # type: ignore[attr-defined]
        return trace


@lru_cache(maxsize=1)
def healthy_target(seed: int) -> Healthy:
    """Trained once for all sections of one run of the benchmark."""
    all_threads()
    started = time.monotonic()
    world = make_target(seed, "cpu")
    target = TrainedOnce(world)
    run = SuiteRun(target, RunSettings(seed=seed))
    report = report_on(run)
    return Healthy(
        world=world,
        target=target,
        reference=run.as_reference(CREATED, timed=False),
        raised=[verdict.check for verdict in report.verdicts if not verdict.ok],
        seconds=round(time.monotonic() - started, 1),
    )


def timed_reference(healthy: Healthy, seed: int) -> StoredRun:
    """The reference run with its throughput; nothing else may run meanwhile."""
    return SuiteRun(healthy.target, RunSettings(seed=seed)).as_reference(CREATED)


def save(healthy: Healthy, folder: Path) -> Path:
    """Write it for the processes of this run."""
    path = folder / "healthy.pickle"
    path.write_bytes(pickle.dumps(healthy))
    return path


@lru_cache(maxsize=1)
def load(path: Path) -> Healthy:
    """What `save` wrote, read once a process; only for a file of this run."""
    healthy: Healthy = pickle.loads(path.read_bytes())
    return healthy


def silent(*_args: object, **_kwargs: object) -> None:
    """A progress callback that shows nothing."""
