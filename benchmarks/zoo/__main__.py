"""Remake benchmarks/zoo.json, zoo.md and the plot of severities.

python -m benchmarks.zoo [--only SECTION] [--fault D1] [--seed SEED]

Sections: catches (every fault), equivalents, healthy, severity. Each is kept with its seed, seconds and versions.
(No `__init__.py` here, as in benchmarks/statistics.)
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

from benchmarks.measured import measured
from benchmarks.zoo import plot, render

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
SECTIONS = ("catches", "equivalents", "healthy", "severity")
PACKAGES = ("rerank-guard", "numpy", "scipy", "torch", "transformers", "peft")


def main() -> int:
    args = _parser().parse_args()
    path = BENCHMARKS / "zoo.json"
    result: dict[str, Any] = {"schema": 1, "sections": {}}
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
    if args.fault:
        _again(result, args.fault, args.seed)
        path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for section in args.only or ([] if args.fault else SECTIONS):
        result["sections"][section] = measured("zoo", section, args.seed, PACKAGES)
        result["sections"] = {name: result["sections"][name] for name in SECTIONS if name in result["sections"]}
        path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    result = json.loads(path.read_text(encoding="utf-8"))
    missing = [section for section in SECTIONS if section not in result["sections"]]
    if missing:
        print(f"not measured yet, so no zoo.md: {', '.join(missing)}")
        return 1
    (BENCHMARKS / "zoo.md").write_text(render.markdown(result), encoding="utf-8")
    plot.draw(result["sections"]["severity"]["figures"], BENCHMARKS / "zoo-severity.png")
    print(render.summary(result))
    return 0


def _again(result: dict[str, Any], zoo_ids: list[str], seed: int) -> None:
    """Some faults anew, in place of their rows."""
    figures = importlib.import_module("benchmarks.zoo.catches").measure(seed, zoo_ids)
    anew = {row["zoo_id"]: row for row in figures["faults"]}
    print(json.dumps(list(anew.values()), indent=1))
    if "catches" in result["sections"]:
        kept = result["sections"]["catches"]["figures"]["faults"]
        kept[:] = [anew.get(row["zoo_id"], row) for row in kept]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given several times")
    parser.add_argument(
        "--fault", action="append", help="one fault anew, in place of its row; may be given several times"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
