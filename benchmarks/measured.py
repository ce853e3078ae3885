"""One section of a benchmark, with all that its figures depend on."""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from rerank_guard.recording.throughput import machine_description

__all__ = ["measured"]


def measured(benchmark: str, section: str, seed: int, packages: Sequence[str], **options: Any) -> dict[str, Any]:
    """The result of `benchmarks.<benchmark>.<section>.measure(seed, **options)`, under "figures", and how to remake it.

    Args:
        benchmark: the folder.
        section: the module in it.
        seed: of its draws.
        packages: whose versions matter.
        options: further arguments of `measure`.
    """
    load, started = os.getloadavg()[0], time.monotonic()
    figures = importlib.import_module(f"benchmarks.{benchmark}.{section}").measure(seed, **options)
    return {
        "command": f"python -m benchmarks.{benchmark} --only {section} --seed {seed}",
        "seed": seed,
        "device": machine_description(),
        "load_average_before": round(load, 2),
        "seconds": round(time.monotonic() - started, 1),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        "figures": figures,
    }
