"""What the replay tests share: judge again, and say where the outcome differs."""

from __future__ import annotations

from functools import cache

from recorded import data, wording
from recorded.compare import EXACT, Difference, Tolerance, differences, family
from recorded.runs import Run, families, record

SHOWN = 20
NUMPY = ("healthy", "small", "faults", "kept_going")


@cache
def recorded(*names: str) -> dict[str, data.Record]:
    return data.load(*names)


def again(run_id: str, run: Run) -> list[object]:
    """Where this run differs from its record, in figures and in words."""
    new = record(run)
    return [*compared(recorded(*NUMPY)[run_id], new), *wording.changed(run_id, new["words"])]


def compared(old: data.Record, new: data.Record, tolerance: Tolerance = EXACT) -> list[Difference]:
    """Where two records differ, whatever checks the suite has lost or gained since."""
    known = {family(check) for one in recorded(*NUMPY).values() for check in one["verdicts"]}
    there_are = families()
    return list(differences(old, new, tolerance, removed=known - there_are, added=there_are - known))


def after_training() -> set[str]:
    """Checks that were not run in some run because one before them had failed: those that need a training job."""
    return {
        family(check)
        for one in recorded(*NUMPY).values()
        for check, verdict in one["verdicts"].items()
        if verdict["status"] == "not_run"
    }


def told(found: list[object]) -> str:
    """Each difference in a line."""
    rows = [str(each) for each in found[:SHOWN]]
    if len(found) > SHOWN:
        rows.append(f"and {len(found) - SHOWN} more")
    return "\n".join(["the run differs from its record:", *rows])
