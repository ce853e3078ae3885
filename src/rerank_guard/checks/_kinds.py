"""Counts of several kinds of a fault, each with its own tolerance: which of them fail, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rerank_guard.core.finding import Limit

__all__ = ["Kinds", "all_but"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """How many units show each kind.

    Attributes:
        total_name: the figure of all units that show any.
        total: how many these are.
        counts: figure name to number, of each kind.
        tolerated: figure name to the largest number that is no failure.
    """

    total_name: str
    total: int
    counts: Mapping[str, int]
    tolerated: Mapping[str, int]

    @property
    def failing(self) -> tuple[str, ...]:
        """The kinds above their tolerance, the most frequent first."""
        above = [kind for kind, count in self.counts.items() if count > self.tolerated[kind]]
        return tuple(sorted(above, key=lambda kind: -self.counts[kind]))

    @property
    def affected(self) -> int:
        """How many units show a kind that fails; where none does, any kind. Of kinds that exclude one another."""
        return sum(self.counts[kind] for kind in self.failing) or self.total

    @property
    def measured(self) -> dict[str, int]:
        """The figures, the one that decides first: the total where nothing is tolerated."""
        figures = {self.total_name: self.total, **self.counts}
        first = self.failing[:1] if any(self.tolerated.values()) else ()
        return {**{kind: figures[kind] for kind in first}, **figures}

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Of the total where nothing is tolerated, else of each kind."""
        if not any(self.tolerated.values()):
            return (Limit(self.total_name, "<=", 0),)
        return tuple(Limit(kind, "<=", count) for kind, count in self.tolerated.items())

    @property
    def exempt(self) -> str:
        """The end of a claim: what is tolerated; empty where nothing is."""
        shown = ", ".join(f"{count} {kind}" for kind, count in self.tolerated.items() if count)
        return f", for all but {shown}" if shown else ""


def all_but(tolerated: int) -> str:
    """The end of a claim about every one of n units, of which so many may differ; empty for none."""
    return f", for all but {tolerated}" if tolerated else ""
