"""What the replay tests share: judge again, and say where the outcome differs."""

from __future__ import annotations

from functools import cache

from recorded import data
from recorded.compare import EXACT, Difference, Tolerance, differences, family
from recorded.runs import Run, families, record

SHOWN = 20
NUMPY = ("healthy", "small", "faults", "kept_going")


@cache
def recorded(*names: str) -> dict[str, data.Record]:
    return data.load(*names)


def again(run: Run, old: data.Record, tolerance: Tolerance = EXACT) -> list[Difference]:
    """Where this run differs from its record."""
    known = {family(check) for one in recorded(*NUMPY).values() for check in one["verdicts"]}
    there_are = families()
    return list(differences(old, record(run), tolerance, removed=known - there_are, added=there_are - known))


def told(found: list[Difference]) -> str:
    """Each difference in a line."""
    rows = [str(each) for each in found[:SHOWN]]
    if len(found) > SHOWN:
        rows.append(f"and {len(found) - SHOWN} more")
    return "\n".join(["the run differs from its record:", *rows])
