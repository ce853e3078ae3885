"""The packaged suite on its default target, as `make gate` runs it: how long, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["measure"]


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section."""
    with tempfile.TemporaryDirectory(prefix="rerank-speed-") as folder:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--rerank",
            "rerank",
            "--rerank-target",
            "demo",
            "--rerank-report",
            folder,
            "-q",
        ]
        command += ["--rerank-seed", str(seed), "-p", "no:cacheprovider"]
        started = time.perf_counter()
        done = subprocess.run(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=False, capture_output=True)
        seconds = time.perf_counter() - started
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    return {
        "exit_status": done.returncode,
        "seconds": round(seconds, 1),
        "training_seconds": round(report["training"]["seconds"], 1),
        "verdicts": dict(sorted(Counter(verdict["status"] for verdict in report["verdicts"]).items())),
    }
