"""A suspected fault: which one, how strongly, and how much of what was looked at shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rerank_guard.core.fault import Fault

__all__ = ["Affected", "Strength", "Suspected", "suspect"]


class Strength(IntEnum):
    """How a fault is suspected, the strongest first.

    SEEN: an exact comparison showed it.
    MEASURED: a statistical test rejected its absence, or a probe that undoes it brings the figures back.
    SYMPTOM: the figures look like it.
    """

    SEEN = 0
    MEASURED = 1
    SYMPTOM = 2


@dataclass(frozen=True, slots=True)
class Suspected:
    """One fault that a check points at.

    Attributes:
        fault: its record.
        strength: how it is suspected.
        cause: what the check saw of it, with figures; empty for the record's own words.
        fix: what to do in this case; empty for the record's own words.
    """

    fault: Fault
    strength: Strength
    cause: str = ""
    fix: str = ""

    @property
    def cause_text(self) -> str:
        """The check's words for what is wrong, or the record's."""
        return self.cause or self.fault.what

    @property
    def fix_text(self) -> str:
        """The check's words for what to do, or the record's."""
        return self.fix or self.fault.fix


def suspect(fault: Fault, cause: str = "", fix: str = "", *, statistical: bool = False) -> Suspected:
    """A suspected fault with the strength that its kind has: a symptom, or else measured by statistics, or else seen."""
    if fault.symptom:
        return Suspected(fault, Strength.SYMPTOM, cause, fix)
    return Suspected(fault, Strength.MEASURED if statistical else Strength.SEEN, cause, fix)


@dataclass(frozen=True, slots=True)
class Affected:
    """How many of the things that were looked at show the fault: `n` of `of` units, such as 10 of 400 tasks."""

    n: int
    of: int
    unit: str = "tasks"

    @property
    def share(self) -> float:
        """N / of, 0 where nothing was looked at."""
        return self.n / self.of if self.of else 0.0
