"""Growth: four panels, time and memory against what grows, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["PANELS", "draw"]

PANELS = {
    "candidates": "candidates N (history of 10)",
    "prompt_tokens": "tokens of a prompt (N = 10)",
    "users_scored": "users scored (N = 5, embedded base)",
    "users_judged": "users judged (N = 20, three checks)",
}


def draw(growth: Mapping[str, Any], path: Path) -> None:
    """One line of seconds and one of megabytes a panel."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(2, 2, figsize=(10, 7))
    for axes, (name, label) in zip(rows.flat, PANELS.items(), strict=True):
        curve = growth[name]
        at = [point["at"] for point in curve["points"]]
        axes.loglog(
            at, [point["seconds"] for point in curve["points"]], marker="o", color="tab:blue", label="seconds"
        )
        axes.loglog(at, _fitted(at, curve["points"]), linestyle=":", color="tab:blue")
        axes.set_xticks(at, [f"{round(x):,}" for x in at], rotation=30, fontsize=8)
        axes.minorticks_off()
        memory = axes.twinx()
        memory.loglog(
            at, [point["megabytes"] or float("nan") for point in curve["points"]], marker="s", color="tab:orange"
        )
        memory.minorticks_off()
        memory.set_ylabel("peak MB", color="tab:orange")
        axes.set_xlabel(label)
        axes.set_ylabel("seconds", color="tab:blue")
        axes.set_title(
            f"time ~ x^{curve['exponent_of_time']} (dotted), x^{curve['exponent_of_time_at_the_top']} at the top",
            fontsize=10,
        )
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _fitted(at: Sequence[float], points: Sequence[Mapping[str, Any]]) -> list[float]:
    """The power law through all points, by least squares of the logarithms."""
    slope, offset = np.polyfit(np.log(at), np.log([point["seconds"] for point in points]), 1)
    return [float(np.exp(offset) * x**slope) for x in at]
