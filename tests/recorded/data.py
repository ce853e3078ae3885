"""The records as JSON Lines: a line a run, and a line for each verdict in which it differs from its base.

A line a verdict, because a review then shows the verdicts that changed and no others. Empty fields are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from recorded.compare import EXACT, Tolerance, differences, same

FOLDER = Path(__file__).parent / "data"
EMBEDDED = "embedded"
DIGITS = 7
"""Significant digits kept, one more than the replay compares: rounding may take half a unit of the last one."""

NOISE = 1e-12
"""Figures below this are zeros with rounding errors."""

Record = dict[str, Any]
EMPTY_VERDICT: Mapping[str, Any] = {
    "status": "passed",
    "fault": None,
    "suspects": [],
    "affected": [],
    "n": 0,
    "p_failed": None,
    "measured": {},
    "threshold": {},
    "interval": {},
    "evidence": 0,
}
EMPTY: Mapping[str, Any] = {"continue_after_failure": False, "raised": None, "errors": [], "diagnosis": None}
_BY_STATUS = ("not_run", "not_applicable")


def rounded(value: Any) -> Any:
    """Floats with `DIGITS` significant digits, infinities and NaN as text, all else as it is."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return str(value)
    return float(f"{value:.{DIGITS}g}") if abs(value) >= NOISE else 0.0


def kept_where_same(old: Any, new: Any, tolerance: Tolerance = EXACT) -> Any:
    """`new`, with the old figures where the two agree, so that another processor's last digit is no change."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            name: kept_where_same(old[name], each, tolerance) if name in old else each for name, each in new.items()
        }
    return old if same(old, new, tolerance) else new


def packed(run_id: str, record: Record, base_id: str | None, base: Record | None) -> list[dict[str, Any]]:
    """The lines of one run."""
    if base is not None and not list(
        differences(base, record | {"continue_after_failure": base["continue_after_failure"]})
    ):
        going = {"continue_after_failure": True} if record["continue_after_failure"] else {}
        return [{"run": run_id, "same_as": base_id, **going}]
    head = {"run": run_id, **{name: record[name] for name, empty in EMPTY.items() if record[name] != empty}}
    verdicts = record["verdicts"]
    if base is None or record["raised"]:
        of_base: Mapping[str, Any] = {}
    else:
        of_base = base["verdicts"]
        head["base"] = base_id
        if absent := sorted(set(of_base) - set(verdicts)):
            head["absent"] = absent
    lines = []
    for check, verdict in verdicts.items():
        if check in of_base and same_verdict(of_base[check], verdict):
            continue
        filled = {name: verdict[name] for name, empty in EMPTY_VERDICT.items() if verdict[name] != empty}
        if set(filled) == {"status"} and filled["status"] in _BY_STATUS:
            head.setdefault(filled["status"], []).append(check)
        else:
            lines.append({"run": run_id, "check": check, **filled})
    return [head, *lines]


def same_verdict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(same(one[name], other[name]) for name in EMPTY_VERDICT)


def unpacked(lines: Iterable[Mapping[str, Any]]) -> dict[str, Record]:
    """Run id to record; a base comes before what refers to it."""
    records: dict[str, Record] = {}
    for line in lines:
        run_id = line["run"]
        if "check" in line:
            records[run_id]["verdicts"][line["check"]] = {**EMPTY_VERDICT, **_fields(line, EMPTY_VERDICT)}
        elif "same_as" in line:
            going = line.get("continue_after_failure", False)
            records[run_id] = records[line["same_as"]] | {
                "same_as": line["same_as"],
                "continue_after_failure": going,
            }
        else:
            base = records[line["base"]]["verdicts"] if "base" in line else {}
            verdicts = {check: verdict for check, verdict in base.items() if check not in line.get("absent", ())}
            for status in _BY_STATUS:
                verdicts |= {check: {**EMPTY_VERDICT, "status": status} for check in line.get(status, ())}
            records[run_id] = {**EMPTY, **_fields(line, EMPTY), "verdicts": verdicts}
    return records


def _fields(line: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in wanted if name in line}


def read_lines(name: str) -> list[dict[str, Any]]:
    """The lines of one file; none where it has not been written yet."""
    path = FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def run_ids(name: str) -> list[str]:
    """The runs of one file."""
    return [line["run"] for line in read_lines(name) if "check" not in line]


def write_lines(name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(f"{json.dumps(line, sort_keys=True, ensure_ascii=False)}\n" for line in lines)
    (FOLDER / f"{name}.jsonl").write_text(text, encoding="utf-8")


def load(*names: str) -> dict[str, Record]:
    """The records of these files, the one with the bases first."""
    return unpacked([line for name in names for line in read_lines(name)])
