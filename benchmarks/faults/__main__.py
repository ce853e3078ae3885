"""Remake benchmarks/faults.json, faults.md and the plot of severities.

python -m benchmarks.faults [--only SECTION] [--fault D1] [--seed SEED] [--anew]

Sections: catches (every fault), equivalents, healthy, severity. Each is kept with its seed, seconds and versions. Two processes
work at once, with a torch thread each; what is timed runs alone, last.
(No `__init__.py` here, as in benchmarks/statistics.)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.faults import catches, kept, plot, render
from benchmarks.measured import measured

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
SECTIONS = ("catches", "equivalents", "healthy", "severity")
PACKAGES = ("rerank-guard", "numpy", "scipy", "torch", "transformers", "peft")


def main() -> int:
    args = _parser().parse_args()
    path = BENCHMARKS / "faults.json"
    result: dict[str, Any] = {"schema": 1, "sections": {}}
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
    reusable = {} if args.anew else kept.kept_in(result)
    if args.fault:
        _remeasure(result, args.fault, args.seed, reusable)
        _write(path, result)
    for section in args.only or ([] if args.fault else SECTIONS):
        options = {"kept": reusable} if section == "catches" else {}
        result["sections"][section] = measured("faults", section, args.seed, PACKAGES, **options)
        result["sections"] = {name: result["sections"][name] for name in SECTIONS if name in result["sections"]}
        _write(path, result)
    result = json.loads(path.read_text(encoding="utf-8"))
    missing = [section for section in SECTIONS if section not in result["sections"]]
    if missing:
        print(f"not measured yet, so no faults.md: {', '.join(missing)}")
        return 1
    (BENCHMARKS / "faults.md").write_text(render.markdown(result), encoding="utf-8")
    plot.draw(result["sections"]["severity"]["figures"], BENCHMARKS / "faults-severity.png")
    print(render.summary(result))
    return 0


def _remeasure(result: dict[str, Any], ids: list[str], seed: int, reusable: kept.Kept) -> None:
    """Some faults alone, in place of their rows."""
    figures = catches.measure(seed, ids, reusable)
    rows = {row["id"]: row for row in figures["faults"]}
    print(json.dumps(list(rows.values()), indent=1))
    if "catches" in result["sections"]:
        before = result["sections"]["catches"]["figures"]["faults"]
        before[:] = [rows.get(row["id"], row) for row in before]


def _write(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given several times")
    parser.add_argument(
        "--fault", action="append", help="one fault, in place of its row; may be given several times"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--anew",
        action="store_true",
        help="measure all naive figures; else those whose sources, seed and versions have not changed are kept",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
