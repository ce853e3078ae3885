"""Remake benchmarks/trust.json and trust.md.

python -m benchmarks.trust [--only ITEM] [--fast] [--seed SEED]
python -m benchmarks.trust --healthy [--draws N]

`--only` remakes the rows of an item in both files; `--fast` prints, and writes nothing.
`--healthy` adds the healthy set-ups, many draws of each, to the files.
(No `__init__.py` here, as in benchmarks/statistics.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.trust import render
from benchmarks.trust.record import Result
from benchmarks.trust.runner import all_cases, fast_cases, run_all

from rerank_guard.recording.throughput import machine_description

BENCHMARKS = Path(__file__).resolve().parents[1]
PATH = BENCHMARKS / "trust.json"


def main() -> int:
    args = _parser().parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if args.healthy:
        from benchmarks.trust import healthy  # reads every case

        measured = healthy.measure(args.seed, args.draws)
        result = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else _result([], args.seed, 0.0)
        result["healthy"] = measured
        _write(result)
        return 0
    cases = [
        case for case in (fast_cases() if args.fast else all_cases()) if not args.only or case.item in args.only
    ]
    started = time.monotonic()
    results = run_all(cases, args.seed)
    result = _result(results, args.seed, time.monotonic() - started)
    if not args.fast:
        before = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else None
        _write(result if before is None else _merged(before, result, args.only))
    print(render.summary(result))
    return int(any(each.wrong for each in results))


def _result(results: list[Result], seed: int, seconds: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "command": f"python -m benchmarks.trust --seed {seed}",
        "seed": seed,
        "device": machine_description(),
        "seconds": round(seconds, 1),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("rerank-guard", "numpy", "scipy")},
        },
        "cases": [_row(result) for result in results],
    }


def _merged(before: dict[str, Any], now: dict[str, Any], only: list[int] | None) -> dict[str, Any]:
    """What was measured now; of the file before, the healthy set-ups, and the items that were not run."""
    kept = [row for row in before["cases"] if only and row["item"] not in only]
    rows = sorted([*kept, *now["cases"]], key=lambda row: (row["item"], row["sibling"]))
    seconds = round(sum(row["seconds"] for row in rows), 1)
    healthy = {"healthy": before["healthy"]} if "healthy" in before else {}
    return {**now, "cases": rows, "seconds": seconds, **healthy}


def _row(result: Result) -> dict[str, Any]:
    case = result.case
    healthy = case.expected.silent and not case.expected.faults
    return {
        "item": case.item,
        "name": case.name,
        "sibling": case.sibling,
        "fast": case.fast,
        "healthy": healthy,
        "expected": str(case.expected),
        "got": result.got,
        "right": not result.wrong,
        "wrong": list(result.wrong),
        "alarm": healthy and bool(result.wrong),
        "seconds": round(result.seconds, 1),
    }


def _write(result: dict[str, Any]) -> None:
    PATH.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (BENCHMARKS / "trust.md").write_text(render.markdown(result), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, action="append", help="an item; may be given several times")
    parser.add_argument("--fast", action="store_true", help="the cases of the test suite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--healthy", action="store_true", help="the healthy set-ups instead of the cases")
    parser.add_argument("--draws", type=int, default=300, help="draws of each healthy set-up")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
