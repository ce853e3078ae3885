"""Remake benchmarks/speed.json, speed.md and the plot of growth.

python -m benchmarks.speed [--only SECTION] [--seed SEED]

Sections: scoring, training, prompts, metrics, idle, gate, growth. Each is kept with its seed, seconds and versions; the
figures of a GPU come from gpu.json, which `make gpu` writes. Leave the machine alone meanwhile.
(No `__init__.py` here, as in benchmarks/statistics.)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.measured import measured
from benchmarks.speed import plots, render

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
SECTIONS = ("scoring", "training", "prompts", "metrics", "idle", "gate", "growth")
PACKAGES = ("rerank-guard", "numpy", "torch", "transformers", "peft", "sentence-transformers", "pytest")


def main() -> int:
    args = _parser().parse_args()
    path = BENCHMARKS / "speed.json"
    result: dict[str, Any] = {"schema": 1, "sections": {}}
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
    for section in args.only or SECTIONS:
        print(f"{section} ...", flush=True)
        result["sections"][section] = measured("speed", section, args.seed, PACKAGES)
        result["sections"] = {name: result["sections"][name] for name in SECTIONS if name in result["sections"]}
        _write(path, result)
    gpu = BENCHMARKS / "gpu.json"
    result["gpu"] = json.loads(gpu.read_text(encoding="utf-8")) if gpu.is_file() else None
    _write(path, result)
    missing = [section for section in SECTIONS if section not in result["sections"]]
    if missing:
        print(f"not measured yet, so no speed.md: {', '.join(missing)}")
        return 1
    (BENCHMARKS / "speed.md").write_text(render.markdown(result), encoding="utf-8")
    plots.draw(result["sections"]["growth"]["figures"], BENCHMARKS / "speed-growth.png")
    print(render.summary(result))
    return 0


def _write(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="remake this section; may be given again")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
