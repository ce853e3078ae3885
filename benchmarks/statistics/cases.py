"""The four comparisons that the figures are about, and the level."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALPHA", "CASES", "NULL_CHECKS", "Case", "NullCheck"]

ALPHA = 1e-3


@dataclass(frozen=True)
class NullCheck:
    """Recall@K of N candidates, one target a user."""

    name: str
    n_candidates: int
    k: int

    @property
    def chance(self) -> float:
        return self.k / self.n_candidates


@dataclass(frozen=True)
class Case:
    """A ranker of rate `truth` compared with `chance`; `limit` is the number of users that was asked for."""

    name: str
    chance: float
    truth: float
    limit: int


NULL_CHECKS = (
    NullCheck("Hit@1 of 20", 20, 1),
    NullCheck("Hit@5 of 20", 20, 5),
    NullCheck("Recall@20 of 50", 50, 20),
)
CASES = (
    Case("Hit@1 of 20, .05 to .15", 0.05, 0.15, 108),
    Case("Hit@5 of 20, .25 to .45", 0.25, 0.45, 81),
    Case("Recall@20 of 50, .4 to .6", 0.4, 0.6, 94),
    Case("Recall@20 of 50, .4 to .5", 0.4, 0.5, 372),
)
