"""Faults that come in degrees: how often the checks catch them, and below which degree they do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from benchmarks.faults.healthy import recorded
from benchmarks.faults.healthy_target import CREATED
from benchmarks.faults.processes import in_processes
from benchmarks.faults.replays import POOL, USERS, Recorded, drawn_tasks, record, replayed

from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.checks.quality.no_regression import no_regression
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.stored import stored_run_of
from rerank_model.targets.embedded import CUTOFFS, make_target

__all__ = ["measure"]

REPEATS = 30
K = max(CUTOFFS)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
STEPS_OF_SPREAD = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
TRAINED_SHARES = (0.5, 0.75)
NOISE_SHARES = (0.3, 0.6)

Tasks = Sequence[RankingTask]
Points = list[dict[str, Any]]


@dataclass(frozen=True)
class Spoiled:
    """A job that trains on tasks of which a share is spoiled, for a process of its own."""

    fault: str
    share: float
    seed: int


def measure(seed: int) -> dict[str, Any]:
    """Catch rates by severity; those that need training are trained once a degree and replayed."""
    started = time.monotonic()
    healthy = recorded(seed)[0]
    jobs = [Spoiled("D10", share, seed) for share in TRAINED_SHARES]
    jobs += [Spoiled("B2", share, seed) for share in NOISE_SHARES]
    trained = dict(zip(jobs, in_processes(_trained, jobs, "severity: jobs"), strict=True))
    curves = {
        "D5": _at_the_first_position(seed),
        "D11": _shifted(seed),
        "S3": _rounded(healthy, seed),
        "D10": _points(trained, "D10", _fails_to_learn),
        "B2": _points(trained, "B2", partial(_regressed, healthy)),
    }
    return {"repeats": REPEATS, "users": USERS, "curves": curves, "seconds": round(time.monotonic() - started, 1)}


def _at_the_first_position(seed: int) -> Points:
    """A share of the targets moved to the first position."""
    return [
        _point(
            share,
            seed,
            31,
            lambda rng, share=share: target_positions_uniform(
                [_moved_first(task) if rng.random() < share else task for task in drawn_tasks(USERS, rng)]
            ),
        )
        for share in SHARES
    ]


def _shifted(seed: int) -> Points:
    """A share of the users' target_index off by one."""
    return [
        _point(
            share,
            seed,
            32,
            lambda rng, share=share: gt_in_candidates(
                [_off_by_one(task) if rng.random() < share else task for task in drawn_tasks(USERS, rng)]
            ),
        )
        for share in SHARES
    ]


def _rounded(healthy: Recorded, seed: int) -> Points:
    """Scores rounded to a step, as a share of their standard deviation over a user's candidates."""
    spread = float(np.mean([row.std() for row in healthy.scores]))

    def judged(step: float, rng: np.random.Generator) -> Verdict:
        run = replayed(healthy, rng)
        return scores_well_formed([np.round(row / (step * spread)) for row in run.scores], run.tasks)

    return [_point(step, seed, 33, partial(judged, step)) for step in STEPS_OF_SPREAD]


def _point(
    severity: float, seed: int, stream: int, judged: Callable[[np.random.Generator], Verdict]
) -> dict[str, Any]:
    """The share of the repeats that fail at a severity."""
    draws = (np.random.default_rng([seed, stream, repeat]) for repeat in range(REPEATS))
    caught = sum(judged(rng).status is Status.FAILED for rng in draws)
    return {"severity": severity, "caught": caught / REPEATS}


def _points(
    trained: dict[Spoiled, Recorded],
    fault: str,
    judge: Callable[[Recorded, np.random.Generator], list[Verdict]],
) -> Points:
    """The share of the replays of which one verdict is not PASSED, a job a point, and their mean recall."""
    points = []
    for job, run in trained.items():
        if job.fault != fault:
            continue
        caught = recall = 0.0
        for repeat in range(REPEATS):
            one = replayed(run, np.random.default_rng([job.seed, 35, repeat]))
            verdicts = judge(one, np.random.default_rng([job.seed, 35, repeat]))
            caught += any(verdict.status is not Status.PASSED for verdict in verdicts)
            recall += _recall(one)
        points.append({"severity": job.share, "caught": caught / REPEATS, "recall": recall / REPEATS})
    return points


def _trained(job: Spoiled) -> Recorded:
    def spoil(tasks: Tasks) -> list[RankingTask]:
        rng = np.random.default_rng([job.seed, 34])
        return {"D10": _exchanged_targets, "B2": _noisy_labels}[job.fault](tasks, job.share, rng)

    target = make_target(job.seed, "cpu", n_test=POOL).rebuilt(TrainingChange(tasks=spoil))
    return record(target, job.seed)


def _fails_to_learn(run: Recorded, rng: np.random.Generator) -> list[Verdict]:
    return [
        loss_below_random(run.trace),
        loss_below_letter_prior(run.trace),
        recall_beats_baseline(run.scores, run.tasks, K, {"history-blind": run.swapped}),
    ]


def _regressed(healthy: Recorded, run: Recorded, rng: np.random.Generator) -> list[Verdict]:
    """Compared with the healthy job on the same users: the generator draws them as it drew the run's."""
    before = replayed(healthy, rng)
    reference = stored_run_of(
        before.scores, before.tasks, target="healthy", created=CREATED, seed=0, versions={}, conditions=None
    )
    return [no_regression(run.scores, run.tasks, K, reference, conditions=None)]


def _recall(run: Recorded) -> float:
    hits = [
        int((row > row[task.target_index]).sum()) < K
        for row, task in zip(run.scores, run.tasks, strict=True)
        if task.target_index is not None
    ]
    return float(np.mean(hits))


def _exchanged_targets(tasks: Tasks, share: float, rng: np.random.Generator) -> list[RankingTask]:
    """In a share of the tasks the target is replaced by that of another of these tasks."""
    chosen = np.flatnonzero(rng.random(len(tasks)) < share)
    donors = np.roll(rng.permutation(chosen), 1)
    spoiled = list(tasks)
    for mine, other in zip(chosen.tolist(), donors.tolist(), strict=True):
        task, theirs = tasks[mine], tasks[other]
        item = theirs.candidates[theirs.target_index or 0]
        if item.item_id in task.candidate_ids or item.item_id in {past.item_id for past in task.history}:
            continue
        candidates = list(task.candidates)
        candidates[task.target_index or 0] = item
        spoiled[mine] = replace(task, candidates=tuple(candidates), target_id=item.item_id)
    return spoiled


def _noisy_labels(tasks: Tasks, share: float, rng: np.random.Generator) -> list[RankingTask]:
    """In a share of the tasks a random candidate is called the target."""
    spoiled = []
    for task in tasks:
        position = int(rng.integers(task.n_candidates))
        noisy = replace(task, target_id=task.candidates[position].item_id, target_index=position)
        spoiled.append(noisy if rng.random() < share else task)
    return spoiled


def _moved_first(task: RankingTask) -> RankingTask:
    candidates = list(task.candidates)
    candidates.insert(0, candidates.pop(task.target_index or 0))
    return replace(task, candidates=tuple(candidates), target_index=0)


def _off_by_one(task: RankingTask) -> RankingTask:
    return replace(task, target_index=((task.target_index or 0) + 1) % task.n_candidates)
