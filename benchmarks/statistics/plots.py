"""The two pictures of statistics.md, drawn from statistics.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

__all__ = ["draw"]

DPI = 100


def draw(result: Mapping[str, Any], folder: Path) -> None:
    """Write statistics-users.png and statistics-early-stop.png into the folder."""
    figures = {name: family["figures"] for name, family in result["families"].items()}
    _users(figures["median_users"]).savefig(folder / "statistics-users.png", dpi=DPI)
    _early_stop(figures["early_stop"]).savefig(folder / "statistics-early-stop.png", dpi=DPI)


def _users(figures: Mapping[str, Any]) -> Figure:
    """The share of rankers that have passed, by user, a curve each case; a dot at the median, a tick at the limit."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for case in figures["cases"]:
        share = np.array(case["curve"])
        users = figures["curve_every"] * np.arange(1, len(share) + 1)
        (line,) = axes.plot(users, share, label=f"{case['case']}: {case['median']} (limit {case['limit']})")
        axes.plot([case["median"]], [0.5], "o", color=line.get_color())
        axes.plot([case["limit"]], [0.5], "|", color=line.get_color(), markersize=16, markeredgewidth=1.5)
    axes.axhline(0.5, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(10, 1500)
    axes.set_xticks([10, 20, 50, 100, 200, 500, 1000], ["10", "20", "50", "100", "200", "500", "1,000"])
    axes.set_xticks([], minor=True)
    axes.set_ylim(0, 1)
    axes.set_xlabel("users")
    axes.set_ylabel("share that has passed")
    axes.legend(
        frameon=False,
        loc="upper left",
        fontsize="small",
        title="median users to PASS (dot), limit (bar)",
        alignment="left",
    )
    axes.set_title(f"Users until the verdict, alpha = {figures['alpha']:g}, a look after every user")
    return figure


def _early_stop(figures: Mapping[str, Any]) -> Figure:
    """Letter NLL above, both e-processes below, with the step at which the early stop ends the job."""
    curve = figures["curve"]
    steps = np.arange(1, len(curve["letter_nll"]) + 1)
    figure = Figure(figsize=(7.5, 5.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(steps, curve["letter_nll"], color="tab:blue", linewidth=1.0, label="letter NLL of a step")
    chance = math.log(curve["n_candidates"])
    above.axhline(
        chance, color="tab:red", linestyle="--", label=f"chance: log {curve['n_candidates']} = {chance:.2f}"
    )
    above.set_ylim(0, 1.8 * chance)  # room for the legend
    above.set_ylabel("nats")
    below.plot(steps, curve["log10_e_chance"], color="tab:blue", label="against chance")
    below.plot(steps, curve["log10_e_prior"], color="tab:orange", label="against the best constant letter prior")
    below.axhline(curve["needed"], color="tab:red", linestyle="--", label=f"decided: {curve['needed']:g} (1/alpha)")
    below.set_ylabel("log10 E")
    below.set_yscale("symlog", linthresh=10.0)
    below.set_ylim(bottom=-5)
    below.set_xlabel("optimiser step")
    below.set_xlim(0, len(steps))
    for axes in (above, below):
        if curve["decided_after"] is not None:
            label = f"training checks decided: {curve['decided_after']}"
            axes.axvline(curve["decided_after"], color="tab:green", linestyle=":", label=label)
        ended = figures["jobs"][0]["steps_early"]
        axes.axvline(ended, color="tab:green", label=f"the early stop ends the job: {ended}")
        axes.legend(frameon=False, fontsize="small")
    above.set_title(f"The embedded job, seed {figures['jobs'][0]['seed']}, run to its budget")
    return figure
