"""Replays of a trained job: other users, another trace, other data, without training again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from benchmarks.faults.healthy_target import silent

from rerank_guard.baselines.counterfactual import swapped_histories
from rerank_guard.core.check import CUTOFF
from rerank_guard.core.permuted import Permuted
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask, TrainingTrace
from rerank_guard.core.verdict import Verdict
from rerank_guard.core.wording import worded
from rerank_guard.suite import Planned, plan_checks
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.targets.embedded import CUTOFFS, N_CANDIDATES, WorldTarget, make_target

__all__ = ["POOL", "USERS", "Recorded", "drawn_tasks", "judge", "record", "record_healthy", "replayed"]

POOL = 800
USERS = 500
TRAINING_USERS = 500
PERMUTED = 96
NEIGHBOURS = 2


@dataclass(frozen=True)
class Recorded:
    """One trained job, and what it says of a pool of held-out users."""

    trace: TrainingTrace
    tasks: list[RankingTask]
    scores: list[FloatArray]
    probabilities: list[FloatArray]
    swapped: list[FloatArray]
    orders: list[IntArray]
    permuted: list[FloatArray]
    oracle: list[FloatArray]


def record_healthy(seed: int) -> Recorded:
    """Train the default on a seed and record it."""
    return record(make_target(seed, "cpu", n_test=POOL), seed)


def record(target: WorldTarget, seed: int) -> Recorded:
    """Train a target, and score its held-out users in all the ways that checks look at."""
    trace = target.train(silent)
    rng = np.random.default_rng([seed, 22])
    tasks = list(target.tasks())
    orders = [rng.permutation(task.n_candidates).astype(np.int64) for task in tasks]
    reordered = [
        replace(task, candidates=tuple(task.candidates[i] for i in order))
        for task, order in zip(tasks, orders, strict=True)
    ]
    return Recorded(
        trace=trace,
        tasks=tasks,
        scores=target.score(tasks),
        probabilities=target.predict_proba(tasks),
        swapped=target.score_synthetic(swapped_histories(tasks, rng).tasks),
        orders=orders,
        permuted=target.score_synthetic(reordered),
        oracle=target.oracle_proba(tasks),
    )


def replayed(one: Recorded, rng: np.random.Generator) -> Recorded:
    """Other users, and another trace of the same job: each example from a step nearby."""
    users = rng.choice(len(one.tasks), USERS, replace=False)
    trace = one.trace
    step = trace.example_step + rng.integers(-NEIGHBOURS, NEIGHBOURS + 1, len(trace.example_step))
    size = len(trace.letter_nll) // trace.optimizer_steps
    rows = np.clip(step, 0, trace.optimizer_steps - 1) * size + rng.integers(0, size, len(step))
    rows = np.minimum(rows, len(trace.letter_nll) - 1)
    drawn = replace(
        trace,
        letter_nll=trace.letter_nll[rows],
        n_candidates=trace.n_candidates[rows],
        target_index=None if trace.target_index is None else trace.target_index[rows],
        tempered_nll=None if trace.tempered_nll is None else trace.tempered_nll[rows],
        target_rank=None if trace.target_rank is None else trace.target_rank[rows],
    )
    return Recorded(
        drawn,
        *([rows[user] for user in users] for rows in (one.tasks, one.scores, one.probabilities, one.swapped)),
        *([rows[user] for user in users] for rows in (one.orders, one.permuted, one.oracle)),
    )


def judge(run: Recorded, rng: np.random.Generator) -> list[Verdict]:
    """The verdict of every check that can be judged on a replay: those whose required inputs are made here.

    Checks of the data get tasks that are drawn for this replay; the users of a replay come from one pool, so that chance
    would vary too little.
    """
    data, others = _data_inputs(rng), _inputs(run)
    verdicts = []
    for planned in plan_checks(CUTOFFS):
        inputs = data if planned.check.stage is Stage.DATA else others
        if set(planned.required) <= {*inputs, CUTOFF}:
            verdicts.append(_verdict(planned, inputs))
    return verdicts


def drawn_tasks(users: int, rng: np.random.Generator, prefix: str = "user-") -> list[RankingTask]:
    """Users of the default's world."""
    return world_tasks(SplitTasteRule(), users, N_CANDIDATES, rng, prefix=prefix)[0]


def _data_inputs(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "training_tasks": TaskTable.of(drawn_tasks(TRAINING_USERS, rng, "train-")),
        "tasks": TaskTable.of(drawn_tasks(USERS, rng)),
    }


def _inputs(run: Recorded) -> dict[str, Any]:
    return {
        "tasks": TaskTable.of(run.tasks),
        "scores": run.scores,
        "probabilities": run.probabilities,
        "training_trace": run.trace,
        "permuted": Permuted(
            run.tasks[:PERMUTED], run.orders[:PERMUTED], run.scores[:PERMUTED], run.permuted[:PERMUTED]
        ),
        "baselines": {"history-blind": run.swapped},
        "oracle_probabilities": run.oracle,
    }


def _verdict(planned: Planned, inputs: dict[str, Any]) -> Verdict:
    given = {**inputs, CUTOFF: planned.k}
    arguments = {parameter: given.get(name) for parameter, name in planned.inputs.items()}
    return worded(planned.check.measure(**arguments), check=planned.name, claim=planned.claim)
