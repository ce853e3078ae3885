"""Faults that come in degrees: how often the gates catch them, and where they go blind."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.zoo.healthy import N_CANDIDATES, POOL, USERS, Recorded, record, replayed
from tqdm import tqdm

from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.regression import check_no_regression
from rerank_guard.checks.scores import check_scores_well_formed
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.stored import stored_run_of
from rerank_guard.training_change import TrainingChange
from rerank_guard.types import RankingTask
from rerank_guard.verdict import Status, Verdict
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.embedded import CUTOFFS, make_target

__all__ = ["measure"]

REPEATS = 30
K = max(CUTOFFS)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
STEPS_OF_SPREAD = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
TRAINED_SHARES = (0.5, 0.75)
NOISE_SHARES = (0.3, 0.6)


def measure(seed: int) -> dict[str, Any]:
    """Catch rates by severity; those that need training are trained once a degree and replayed."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    started = time.monotonic()
    curves = {"D5": _slots(seed), "D11": _shifted(seed)}
    sound = record(seed)
    curves["S3"] = _rounded(sound, seed)
    curves["D10"] = _trained(seed, TRAINED_SHARES, _permute_targets, _fails_to_learn)
    curves["B2"] = _trained(seed, NOISE_SHARES, _noisy_labels, partial(_regressed, sound))
    return {"repeats": REPEATS, "users": USERS, "curves": curves, "seconds": round(time.monotonic() - started, 1)}


def _slots(seed: int) -> list[dict[str, Any]]:
    """A share of the targets moved to slot 0."""
    points = []
    for share in SHARES:
        caught = 0
        for repeat in range(REPEATS):
            rng = np.random.default_rng([seed, 31, repeat])
            tasks = _world(rng)
            moved = [_to_slot(task, 0) if rng.random() < share else task for task in tasks]
            caught += check_target_slots_even(moved).status is Status.FAILED
        points.append({"severity": share, "caught": caught / REPEATS})
    return points


def _shifted(seed: int) -> list[dict[str, Any]]:
    """A share of the users' target_index off by one."""
    points = []
    for share in SHARES:
        caught = 0
        for repeat in range(REPEATS):
            rng = np.random.default_rng([seed, 32, repeat])
            tasks = [
                replace(task, target_index=((task.target_index or 0) + 1) % N_CANDIDATES)
                if rng.random() < share
                else task
                for task in _world(rng)
            ]
            caught += check_gt_in_candidates(tasks).status is Status.FAILED
        points.append({"severity": share, "caught": caught / REPEATS})
    return points


def _rounded(sound: Recorded, seed: int) -> list[dict[str, Any]]:
    """Scores rounded to a step, as a share of their standard deviation over a user's candidates."""
    spread = float(np.mean([row.std() for row in sound.scores]))
    points = []
    for step in STEPS_OF_SPREAD:
        caught = 0
        for repeat in range(REPEATS):
            run = replayed(sound, np.random.default_rng([seed, 33, repeat]))
            rounded = [np.round(row / (step * spread)) for row in run.scores]
            caught += check_scores_well_formed(rounded, run.tasks).status is Status.FAILED
        points.append({"severity": step, "caught": caught / REPEATS})
    return points


def _trained(
    seed: int,
    shares: Sequence[float],
    spoil: Callable[[Sequence[RankingTask], float, np.random.Generator], list[RankingTask]],
    judge: Callable[[Recorded, np.random.Generator], list[Verdict]],
) -> list[dict[str, Any]]:
    points = []
    for share in tqdm(shares, desc=f"severity: {spoil.__name__}", unit="job"):

        def change(tasks: Sequence[RankingTask], share: float = share) -> list[RankingTask]:
            return spoil(tasks, share, np.random.default_rng([seed, 34]))

        run = record(
            seed, lambda change=change: make_target(seed, "cpu", n_test=POOL).rebuilt(TrainingChange(tasks=change))
        )
        caught = recall = 0.0
        for repeat in range(REPEATS):
            one = replayed(run, np.random.default_rng([seed, 35, repeat]))
            verdicts = judge(one, np.random.default_rng([seed, 35, repeat]))
            caught += any(verdict.status is not Status.PASSED for verdict in verdicts)
            recall += _recall(one)
        points.append({"severity": share, "caught": caught / REPEATS, "recall": recall / REPEATS})
    return points


def _fails_to_learn(run: Recorded, rng: np.random.Generator) -> list[Verdict]:
    return [
        check_loss_below_random(run.trace),
        check_loss_below_letter_prior(run.trace),
        check_recall_beats_baseline(run.scores, run.tasks, k=K, baselines={"history-blind": run.swapped}),
    ]


def _regressed(sound: Recorded, run: Recorded, rng: np.random.Generator) -> list[Verdict]:
    """Against the sound job on the same users: the generator draws them as it drew the run's."""
    before = replayed(sound, rng)
    stored = stored_run_of(
        before.scores, before.tasks, target="sound", created="2026-01-01", seed=0, versions={}, conditions=None
    )
    return [check_no_regression(run.scores, run.tasks, stored, k=K, conditions=None)]


def _recall(run: Recorded) -> float:
    hits = [
        int((row > row[task.target_index]).sum()) < K
        for row, task in zip(run.scores, run.tasks, strict=True)
        if task.target_index is not None
    ]
    return float(np.mean(hits))


def _permute_targets(tasks: Sequence[RankingTask], share: float, rng: np.random.Generator) -> list[RankingTask]:
    """In a share of the tasks the target gives its place to that of another of these tasks."""
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


def _noisy_labels(tasks: Sequence[RankingTask], share: float, rng: np.random.Generator) -> list[RankingTask]:
    """In a share of the tasks a random candidate is called the target."""
    spoiled = []
    for task in tasks:
        slot = int(rng.integers(task.n_candidates))
        noisy = replace(task, target_id=task.candidates[slot].item_id, target_index=slot)
        spoiled.append(noisy if rng.random() < share else task)
    return spoiled


def _to_slot(task: RankingTask, slot: int) -> RankingTask:
    candidates = list(task.candidates)
    target = candidates.pop(task.target_index or 0)
    candidates.insert(slot, target)
    return replace(task, candidates=tuple(candidates), target_index=slot)


def _world(rng: np.random.Generator) -> list[RankingTask]:
    return world_tasks(SplitTasteRule(), USERS, N_CANDIDATES, rng, prefix="user-")[0]
