"""The learning curve as a picture: where the letter's loss went, and where chance is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerank_guard.core.types import TrainingTrace
from rerank_guard.recording.monitor import decided_after

__all__ = ["draw_learning_curve"]


def draw_learning_curve(trace: TrainingTrace, path: Path) -> None:
    """Write a plot of the letter NLL of each optimiser step against log N; the file's ending says the format.

    Args:
        trace: of a training job with at least one finite example.
        path: such as `rerank-report/training.png`.

    Raises:
        ImportError: matplotlib is not installed (extra `report`).
    """
    from matplotlib.figure import Figure  # not pyplot: no global state, no display

    steps = np.unique(trace.example_step)
    by_step = [trace.example_step == step for step in steps]
    nll = np.array([trace.letter_nll[rows].mean() for rows in by_step])
    chance = np.array([np.log(trace.n_candidates[rows]).mean() for rows in by_step])
    width = max(1, len(steps) // 20)
    smooth = np.convolve(nll, np.ones(width) / width, mode="valid")

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, nll, color="0.75", linewidth=0.8, label="letter NLL of a step, before it trains on it")
    axes.plot(steps[width - 1 :], smooth, color="tab:blue", label=f"mean of {width} steps")
    axes.plot(steps, chance, color="tab:red", linestyle="--", label="chance: log N")
    first_pass = np.flatnonzero(trace.first_pass)
    if len(first_pass):
        begin = trace.example_step[first_pass[len(first_pass) // 2]]
        axes.axvspan(
            begin, trace.example_step[first_pass[-1]], color="tab:green", alpha=0.08, label="judged window"
        )
    decided = decided_after(trace)
    if decided is not None:
        axes.axvline(
            decided - 1, color="tab:green", linewidth=1.0, label=f"training checks decided: step {decided}"
        )
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("nats")
    axes.set_ylim(bottom=0)
    axes.legend(loc="best", fontsize="small", frameon=False)
    axes.set_title("Does the letter's loss leave chance?")
    figure.savefig(path, dpi=150)
