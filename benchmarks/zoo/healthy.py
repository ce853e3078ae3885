"""Healthy runs, 300 seeds: how often does a statistical gate fail one?

Training is the cost, so a few jobs are trained and replayed. Each replay draws its held-out users from a large recorded pool,
its training trace from neighbouring steps of a recorded one, and its data (slots, titles) from a world of its own seed.
Exact gates need no replay: they have no chance of a false alarm on sound data, and are run on every world too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from rerank_guard.checks.calibration import check_calibrated
from rerank_guard.checks.carries_over import check_ranking_carries_over
from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.equivariance import check_permutation_equivariant
from rerank_guard.checks.giveaways import check_no_surface_giveaway
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.order_fallback import check_no_order_fallback
from rerank_guard.checks.overlap import check_no_history_leak, check_split_disjoint
from rerank_guard.checks.probabilities_agree import check_probabilities_agree
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.recall_by_slot import check_recall_even_by_slot
from rerank_guard.checks.recorded_loss import check_loss_recorded_per_letter
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.checks.titles import check_titles_tell_apart
from rerank_guard.counterfactual import swapped_histories
from rerank_guard.report.budget import within_budget
from rerank_guard.types import FloatArray, IntArray, RankingTask, TrainingTrace
from rerank_guard.verdict import Verdict
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.embedded import CUTOFFS, N_CANDIDATES, WorldTarget, make_target

__all__ = ["measure"]

SEEDS = 300
JOBS = 2
POOL = 800
USERS = 500
TRAINING_USERS = 500
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


def measure(seed: int) -> dict[str, Any]:
    """How the gates judge 300 healthy runs."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    started = time.monotonic()
    recorded = [record(seed + job) for job in tqdm(range(JOBS), desc="healthy: jobs", unit="job")]
    trained_for = time.monotonic() - started
    failed: Counter[str] = Counter()
    undecided: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    bad_runs = 0
    for run in tqdm(range(SEEDS), desc="healthy: replays", unit="run"):
        rng = np.random.default_rng([seed, 21, run])
        verdicts = within_budget(judge(replayed(recorded[run % JOBS], rng), rng))
        for verdict in verdicts:
            judged[verdict.check] += 1
            failed[verdict.check] += verdict.status == "failed"
            undecided[verdict.check] += verdict.status == "inconclusive"
        bad_runs += any(verdict.status == "failed" for verdict in verdicts)
    return {
        "runs": SEEDS,
        "runs_with_a_failed_gate": bad_runs,
        "failed": {check: count for check, count in failed.items() if count},
        "inconclusive": {check: count for check, count in undecided.items() if count},
        "gates": sorted(judged),
        "jobs_trained": JOBS,
        "seconds_of_training": round(trained_for, 1),
        "users_a_run": USERS,
        "pool": POOL,
    }


def record(seed: int, make: Callable[[], WorldTarget] | None = None) -> Recorded:
    target = make() if make is not None else make_target(seed, "cpu", n_test=POOL)
    trace = target.train(lambda *_args, **_kwargs: None)
    rng = np.random.default_rng([seed, 22])
    tasks = list(target.tasks())
    orders = [rng.permutation(task.n_candidates).astype(np.int64) for task in tasks]
    again = [
        replace(task, candidates=tuple(task.candidates[i] for i in order))
        for task, order in zip(tasks, orders, strict=True)
    ]
    return Recorded(
        trace=trace,
        tasks=tasks,
        scores=target.score(tasks),
        probabilities=target.predict_proba(tasks),
        swapped=target.score_made_up(swapped_histories(tasks, rng).tasks),
        orders=orders,
        permuted=target.score_made_up(again),
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
    """Every gate that can be judged on a replay."""
    rule = SplitTasteRule()
    world, _ = world_tasks(rule, TRAINING_USERS, N_CANDIDATES, rng, prefix="train-")
    held_out, _ = world_tasks(rule, USERS, N_CANDIDATES, rng, prefix="user-")
    half = 96
    return [
        check_gt_in_candidates([*world, *held_out]),
        check_no_history_leak([*world, *held_out]),
        check_split_disjoint(world, held_out),
        check_target_slots_even(held_out),
        replace(check_target_slots_even(world), check="training_target_slots_even"),
        *(check_titles_tell_apart(tasks) for tasks in (held_out, world)),
        *(check_no_surface_giveaway(tasks) for tasks in (held_out, world)),
        check_loss_recorded_per_letter(run.trace),
        check_loss_below_random(run.trace),
        check_loss_below_letter_prior(run.trace),
        check_scores_well_formed(run.scores, run.tasks),
        check_no_order_fallback(run.scores, run.tasks),
        check_probabilities_not_uniform(run.probabilities),
        check_permutation_equivariant(run.scores[:half], run.permuted[:half], run.orders[:half], run.tasks[:half]),
        check_probabilities_agree(run.scores, run.probabilities, run.tasks),
        check_calibrated(run.probabilities, run.tasks),
        check_ranking_carries_over(run.trace, run.scores, run.tasks),
        *(
            check_recall_beats_baseline(run.scores, run.tasks, k=k, baselines={"history-blind": run.swapped})
            for k in CUTOFFS
        ),
        *(check_recall_even_by_slot(run.scores, run.tasks, k=k) for k in CUTOFFS),
        *(check_recall_within_ceiling(run.scores, run.tasks, run.oracle, k=k) for k in CUTOFFS),
    ]
