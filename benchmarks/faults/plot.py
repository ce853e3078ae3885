"""Severity against catch rate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["draw"]

_NAMES = {
    "D5": "D5 target moved to the first position",
    "D11": "D11 target index off by one",
    "D10": "D10 targets exchanged (training)",
    "B2": "B2 label noise (training)",
    "S3": "S3 scores rounded",
}


def draw(severity: Mapping[str, Any], path: Path) -> None:
    """Two panels: shares of users, and the rounding step."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (shares, rounding) = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for name, curve in severity["curves"].items():
        axes = rounding if name == "S3" else shares
        axes.plot(
            [point["severity"] for point in curve],
            [point["caught"] for point in curve],
            marker="o",
            label=_NAMES[name],
        )
    shares.set_xscale("log")
    shares.set_xlabel("share of the users")
    rounding.set_xscale("log")
    rounding.set_xlabel("rounding step / standard deviation of a user's scores")
    shares.set_ylabel("caught")
    shares.set_ylim(-0.03, 1.03)
    for axes in (shares, rounding):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
