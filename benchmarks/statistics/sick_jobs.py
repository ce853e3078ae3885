"""Jobs that must not be ended early as healthy ones: nothing moves, or there is nothing to be learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from benchmarks.statistics.early_stop import run_suite, statuses

from rerank_guard.core.types import RankingTask
from rerank_guard.recording.monitor import TrainingMonitor, feed
from rerank_model.targets.embedded import WorldTarget, default_settings, make_target

__all__ = ["measure"]

EXAMPLES = 1_600  # half of the default job's: 100 steps
USERS = 300


def measure(seed: int) -> dict[str, Any]:
    """Steps and verdicts of each sick job, with the early stop on."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return {"jobs": [_judged(name, make(seed)) for name, make in _JOBS.items()]}


def _judged(name: str, target: WorldTarget) -> dict[str, Any]:
    """One run: where it goes to its budget it is the whole job, as the monitor only looks."""
    report, trace = run_suite(target, f"sick job: {name}", early=True)
    monitor = TrainingMonitor()
    feed(monitor, trace)
    return {
        "job": name,
        "steps": trace.planned_steps,
        "steps_early": trace.optimizer_steps,
        "stopped_early": trace.stopped_early,
        "log10_e_chance": monitor.chance.largest / math.log(10.0),
        "log10_e_prior": monitor.prior.largest / math.log(10.0),
        "verdicts": statuses(report),
        "faults": {verdict.check: verdict.fault for verdict in report.verdicts if verdict.fault},
    }


def learning_rate_zero(seed: int) -> WorldTarget:
    return _small(seed, learning_rate=0.0)


def labels_at_random(seed: int) -> WorldTarget:
    """It trains on a candidate drawn at random in place of the target."""
    return _relabelled(_small(seed), seed, 50)


def labels_at_the_first_positions(seed: int) -> WorldTarget:
    """As before, but drawn among the first five candidates: the letters alone bring the loss below log N."""
    return _relabelled(_small(seed), seed, 5)


_JOBS: dict[str, Callable[[int], WorldTarget]] = {
    "learning rate 0": learning_rate_zero,
    "labels drawn at random": labels_at_random,
    "labels drawn among the first 5 positions": labels_at_the_first_positions,
}


def _small(seed: int, **changes: Any) -> WorldTarget:
    settings = replace(default_settings(seed), **changes)
    return make_target(seed, "cpu", n_train=EXAMPLES, n_test=USERS, settings=settings)


def _relabelled(target: WorldTarget, seed: int, positions: int) -> WorldTarget:
    # A stream of its own: from the world's seed the draws would be those of the users' moods, and could be learned.
    rng = np.random.default_rng([seed, 1])

    def relabelled(task: RankingTask) -> RankingTask:
        position = int(rng.integers(min(positions, task.n_candidates)))
        return replace(task, target_id=task.candidate_ids[position], target_index=position)

    target.train_tasks = [relabelled(task) for task in target.train_tasks]
    return target
