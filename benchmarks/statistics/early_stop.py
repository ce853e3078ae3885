"""The embedded default job with and without the early stop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from rerank_guard.core.report import Report
from rerank_guard.core.target import Progress
from rerank_guard.core.types import TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.suite import RunSettings, check_reranker
from rerank_model.targets.embedded import WorldTarget, make_target

__all__ = ["measure", "run_suite", "statuses"]

SEEDS = 6


def measure(seed: int) -> dict[str, Any]:
    """Steps and verdicts of the default job for six seeds, from `seed` on."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    jobs, curve = [], None
    for one in range(seed, seed + SEEDS):
        full, full_trace = run_suite(make_target(one, "cpu"), f"early stop: seed {one}, whole budget", early=False)
        early, early_trace = run_suite(make_target(one, "cpu"), f"early stop: seed {one}, early", early=True)
        curve = curve or _curve(full_trace)
        shared = len(early_trace.letter_nll)
        jobs.append(
            {
                "seed": one,
                "steps": full_trace.optimizer_steps,
                "steps_early": early_trace.optimizer_steps,
                "saved": 1.0 - early_trace.optimizer_steps / full_trace.optimizer_steps,
                "loss_check_decided_after": _of(full, "loss_below_random", "decided_after_steps"),
                "seconds_of_training": full_trace.seconds,
                "seconds_of_training_early": early_trace.seconds,
                "verdicts": statuses(full),
                "verdicts_early": statuses(early),
                "same_verdicts": statuses(full) == statuses(early),
                "open_early": {v.check: v.cause for v in early.verdicts if not v.ok},
                "recall": _recalls(full),
                "recall_early": _recalls(early),
                "largest_difference_of_nll_up_to_the_stop": float(
                    np.abs(full_trace.letter_nll[:shared] - early_trace.letter_nll).max()
                ),
            }
        )
    return {
        "jobs": jobs,
        "median_saved": float(np.median([job["saved"] for job in jobs])),
        "curve": curve,
    }


def run_suite(target: WorldTarget, label: str, *, early: bool) -> tuple[Report, TrainingTrace]:
    """The suite's report, and the trace of its one training job, which runs also where a check before it has failed."""
    traces: list[TrainingTrace] = []
    train = target.train

    def kept(progress: Progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
        traces.append(train(progress, monitor))
        return traces[0]

    target.train = kept  # type: ignore[method-assign]
    settings = RunSettings(early_stop=early, continue_after_failure=True)
    with tqdm(desc=label, leave=False, mininterval=0.5) as bar:

        def show(done: int, total: int, note: str = "") -> None:
            if total != bar.total or done < bar.n:  # the next piece of work
                bar.reset(total)
            bar.set_postfix_str(note, refresh=False)
            bar.update(done - bar.n)

        report = check_reranker(target, settings, progress=show)
    return report, traces[0]


def _curve(trace: TrainingTrace) -> dict[str, Any]:
    """The letter NLL and both e-processes after each step of a job that ran to its budget."""
    monitor = TrainingMonitor()
    rows: dict[str, list[float]] = {"letter_nll": [], "log10_e_chance": [], "log10_e_prior": []}
    positions, tempered = trace.target_index, trace.tempered_nll
    assert positions is not None, "the embedded job records letters"
    assert tempered is not None, "the embedded job records letters"
    for step in range(trace.optimizer_steps):
        own = trace.example_step == step
        monitor.batch(
            trace.letter_nll[own], trace.n_candidates[own], trace.first_pass[own], positions[own], tempered[own]
        )
        rows["letter_nll"].append(round(float(trace.letter_nll[own].mean()), 4))
        rows["log10_e_chance"].append(round(monitor.chance.log_e / math.log(10.0), 3))
        rows["log10_e_prior"].append(round(monitor.prior.log_e / math.log(10.0), 3))
    return {
        "n_candidates": int(trace.n_candidates[0]),
        "decided_after": monitor.decided_after,
        "needed": -math.log10(monitor.alpha),
        **rows,
    }


def statuses(report: Report) -> dict[str, str]:
    return {verdict.check: str(verdict.status) for verdict in report.verdicts}


def _of(report: Report, check: str, name: str) -> Any:
    """A measured figure; None where the verdict has none."""
    (verdict,) = [verdict for verdict in report.verdicts if verdict.check == check]
    return verdict.measured.get(name)


def _recalls(report: Report) -> dict[str, Any]:
    prefix = "recall_beats_baseline"
    return {
        verdict.check.removeprefix(prefix): verdict.measured["recall"]
        for verdict in report.verdicts
        if verdict.check.startswith(prefix)
    }
