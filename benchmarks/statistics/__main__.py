"""Remake benchmarks/statistics.json, statistics.md and the two plots.

python -m benchmarks.statistics [--only NAME] [--seed SEED]

Each family of figures is measured by its own module's `measure(seed)` and kept with seed, seconds, versions and device.
(No `__init__.py` here: a `statistics` that has one would hide Python's own from benchmarks/gpu.py.)
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from benchmarks.measured import measured
from benchmarks.statistics import render
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"

# family, which is also the module's name, to the packages that its figures depend on
FAMILIES: dict[str, tuple[str, ...]] = {
    "null": ("numpy", "scipy"),
    "null_others": ("numpy", "scipy"),
    "configured_level": ("numpy", "scipy"),
    "healthy": ("numpy", "scipy"),
    "healthy_grids": ("numpy", "scipy"),
    "median_users": ("numpy", "scipy"),
    "early_stop": ("numpy", "scipy", "torch", "transformers", "peft"),
    "sick_jobs": ("numpy", "scipy", "torch", "transformers", "peft"),
    "recording_cost": ("numpy", "scipy", "torch", "transformers", "peft"),
    "metrics": ("numpy", "ranx", "pytrec_eval-terrier", "numba"),
}


def main() -> int:
    args = _parser().parse_args()
    path = BENCHMARKS / "statistics.json"
    result: dict[str, Any] = {"schema": 1, "families": {}}
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
    wanted = args.only or list(FAMILIES)
    for family in tqdm(wanted, desc="statistics", unit="family"):
        result["families"][family] = measured("statistics", family, args.seed, ("rerank-guard", *FAMILIES[family]))
        result["families"] = {name: result["families"][name] for name in FAMILIES if name in result["families"]}
        path.write_text(as_json(result), encoding="utf-8")  # kept even if a later family breaks
    # from the file, so that rendering it again gives the same
    result = json.loads(path.read_text(encoding="utf-8"))
    missing = [family for family in FAMILIES if family not in result["families"]]
    if missing:
        print(f"not measured yet, so no statistics.md: {', '.join(missing)}")
        return 1
    (BENCHMARKS / "statistics.md").write_text(render.markdown(result), encoding="utf-8")
    if set(wanted) & {"median_users", "early_stop"}:
        from benchmarks.statistics import plots

        plots.draw(result, BENCHMARKS)
    print("\n".join(line for line in render.markdown(result).splitlines() if line.startswith("|")))
    return 0


def as_json(result: dict[str, Any]) -> str:
    """Indented, with lists of numbers on one line."""
    text = json.dumps(result, indent=1, allow_nan=False)
    return re.sub(r"\[\s+([-+.\deE,\s]+?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(FAMILIES), help="may be given several times")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
