"""What the plugin costs where it is not used: `pytest --collect-only` on one empty test, with it and without."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

__all__ = ["measure"]

ROUNDS = 40
PLUGIN = "rerank_guard.pytest_plugin.plugin"


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section: CPU time of the processes, which a busy machine disturbs less than elapsed time."""
    with tempfile.TemporaryDirectory(prefix="rerank-speed-") as folder:
        (Path(folder) / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        empty = Path(folder) / "plugins" / "empty_plugin.py"
        empty.parent.mkdir()
        empty.write_text("", encoding="utf-8")
        arguments: dict[str, list[str]] = {
            "without": [],
            "an empty plugin": ["-p", "empty_plugin"],
            "with": ["-p", PLUGIN],
        }
        seconds: dict[str, list[float]] = {name: [] for name in arguments}
        for number in tqdm(range(ROUNDS + 1), desc="idle plugin", leave=False):
            for name, extra in arguments.items():
                taken = _collect(Path(folder), extra)
                if number:
                    seconds[name].append(taken)
    added = np.array(seconds["with"]) - np.array(seconds["without"])
    of_any = np.array(seconds["an empty plugin"]) - np.array(seconds["without"])
    return {
        "rounds": ROUNDS,
        "ms_without": round(1e3 * float(np.median(seconds["without"])), 1),
        "ms_added": round(1e3 * float(np.median(added)), 1),
        "ms_added_standard_error": round(1e3 * float(added.std(ddof=1)) / ROUNDS**0.5, 1),
        "ms_added_by_an_empty_plugin": round(1e3 * float(np.median(of_any)), 1),
    }


def _collect(folder: Path, arguments: list[str]) -> float:
    """CPU seconds of one collection."""
    # Other installed plugins would load numpy or torch in both, and hide the difference.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(folder / "plugins")}
    # Compiled once, as pip does on installing; an editable checkout may be kept from writing its own.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
