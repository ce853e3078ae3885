"""Record every run anew, and show what has changed: `PYTHONPATH=src:tests python -m recorded.record`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorded import data, wording
from recorded.compare import Difference, differences
from recorded.renames import Renames
from recorded.runs import Run, all_runs, embedded_run, record

BASES = "healthy"
"""The file that the others' bases are in, which is read first."""

SHOWN = 12
"""Differences of one run that are printed, unless all are asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where something differs from the recorded data, 0 otherwise."""
    options = _parser().parse_args(arguments)
    renames = Renames.of(json.loads(options.renames.read_text(encoding="utf-8"))) if options.renames else Renames()
    files = all_runs() if options.part != data.EMBEDDED else {}
    old = renames.records(
        {**data.load(BASES, *(name for name in files if name != BASES)), **data.load(data.EMBEDDED)}
    )
    if options.part in ("all", data.EMBEDDED):
        files[data.EMBEDDED] = embedded_run()
    new: dict[str, data.Record] = {}
    changed: dict[str, list[Difference]] = {}
    for name, runs in files.items():
        new |= _record_all(name, runs, old)
        gone = {renames.runs.get(run_id, run_id) for run_id in data.run_ids(name)} - set(runs)
        for run_id in runs:
            if run_id not in old:
                changed[run_id] = [Difference("", "run", "absent", "recorded")]
            elif found := list(differences(old[run_id], new[run_id])):
                changed[run_id] = found
        changed |= {run_id: [Difference("", "run", "recorded", "absent")] for run_id in sorted(gone)}
        if not options.compare_only:
            data.write_lines(name, _lines(runs, new))
    numpy = {run_id: one["words"] for run_id, one in new.items() if run_id != data.EMBEDDED}
    if numpy and not options.compare_only:
        wording.FILE.write_text(wording.snapshot(numpy), encoding="utf-8")
    print(summary(changed, len(new), None if options.all else SHOWN))
    return 1 if changed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recorded.record", description=__doc__)
    parser.add_argument("--compare-only", action="store_true", help="write nothing")
    parser.add_argument("--renames", type=Path, help="JSON of old names to new ones; see recorded/renames.py")
    parser.add_argument("--part", choices=("all", "numpy", data.EMBEDDED), default="all", help="which runs")
    parser.add_argument("--all", action="store_true", help=f"print more than {SHOWN} differences a run")
    return parser


def _record_all(name: str, runs: Mapping[str, Run], old: Mapping[str, data.Record]) -> dict[str, data.Record]:
    started = time.monotonic()
    new = {}
    for number, (run_id, run) in enumerate(runs.items(), 1):
        print(
            f"\r{name} {number}/{len(runs)}, {time.monotonic() - started:.0f} s ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        new[run_id] = data.kept_where_same(old.get(run_id), data.rounded(record(run)))
    print(file=sys.stderr)
    return new


def _lines(runs: Mapping[str, Run], new: Mapping[str, data.Record]) -> list[dict[str, Any]]:
    lines = []
    for run_id, run in runs.items():
        base = run.first if run.first is not None and not _stopped(new[run.first]) else run.base
        lines += data.packed(run_id, new[run_id], base, new[base] if base is not None else None)
    return lines


def _stopped(one: data.Record) -> bool:
    return any(verdict["status"] == "not_run" for verdict in one["verdicts"].values())


def summary(changed: Mapping[str, Sequence[Difference]], n_runs: int, shown: int | None) -> str:
    """Per run the fields that differ; then how often each field of each check does."""
    rows = []
    for run_id, found in changed.items():
        rows.append(f"{run_id}: {len(found)} changed")
        rows += [f"    {each.check or 'run'}  {each.field}: {each.old!r} -> {each.new!r}" for each in found[:shown]]
        if shown is not None and len(found) > shown:
            rows.append(f"    and {len(found) - shown} more (--all shows them)")
    fields = Counter(f"{each.check or 'run'}  {each.field}" for found in changed.values() for each in found)
    if fields:
        rows += ["", "by field:", *(f"    {count:4}  {name}" for name, count in fields.most_common(40))]
    return "\n".join([*rows, f"{len(changed)} of {n_runs} runs differ from the recorded data"])


if __name__ == "__main__":
    sys.exit(main())
