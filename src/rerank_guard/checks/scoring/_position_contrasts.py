"""Recall of target items in one part of the list compared with another part: which parts, and what the comparisons show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from rerank_guard.core.listed import target_listing
from rerank_guard.core.row_equality import first_of_equal_lists, mean_of_equals
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stats.two_means import log_e_further_apart

__all__ = ["QUARTERS", "Contrast", "Contrasts", "Hits", "hits_by_position"]

QUARTERS = 4
_FEWEST_AT_A_POSITION = 3


@dataclass(frozen=True, slots=True)
class Hits:
    """Of the n tasks whose target item is listed, each list once.

    Attributes:
        tasks: (n,) int64, their numbers.
        position: (n,) int64, the target item's position.
        n_candidates: (n,) int64, N.
        hits: (n,) the expected hit.
        place: (n,) the position as a share of the list, in (0, 1).
        quarter: (n,) int64, the quarter of the list, 0 to 3.
    """

    tasks: IntArray
    position: IntArray
    n_candidates: IntArray
    hits: FloatArray
    place: FloatArray
    quarter: IntArray

    def recall_in(self, quarter: int) -> float | None:
        """Recall of the target items in a quarter; None where there are none."""
        inside = self.quarter == quarter
        return float(self.hits[inside].mean()) if inside.any() else None


def hits_by_position(scores: Sequence[FloatArray], table: TaskTable, k: int) -> Hits:
    """The expected hits of the tasks whose target item is listed.

    A list that is given several times counts once, with its mean hit: its target item has one position.
    """
    every = target_listing(table).position
    hits = expected_hit_at_k(scores, [at if at >= 0 else None for at in every.tolist()], k)
    first = first_of_equal_lists(table)
    hits[np.unique(first)] = mean_of_equals(hits, first)
    tasks = np.flatnonzero((every >= 0) & (first == np.arange(len(table))))
    position, n_candidates = every[tasks], table.n_candidates[tasks]
    place = (position + 0.5) / n_candidates
    return Hits(tasks, position, n_candidates, hits[tasks], place, (QUARTERS * place).astype(np.int64))


@dataclass(frozen=True)
class Contrast:
    """Two groups of users.

    Attributes:
        between: which, in words.
        first, second: (n,) and (m,) their hits, at least one each.
        position: the list position that is compared with all others; None of larger parts.
    """

    between: str
    first: FloatArray
    second: FloatArray
    position: int | None = None

    @cached_property
    def difference(self) -> float:
        """Recall of the first less that of the second."""
        return float(self.first.mean() - self.second.mean())

    @cached_property
    def p_if_equal(self) -> float:
        """How often two equal recalls differ so much in either direction (a normal approximation)."""
        n, m = len(self.first), len(self.second)
        both = float((self.first.sum() + self.second.sum()) / (n + m))
        error = math.sqrt(both * (1.0 - both) * (1.0 / n + 1.0 / m))
        return float(2.0 * norm.sf(abs(self.difference) / error)) if error > 0.0 else 1.0

    def log_e(self, effect: float) -> float:
        """Log of the average of two e-values, one a direction, against "the recalls differ by at most `effect`"."""
        if (
            abs(self.difference) <= effect
        ):  # a bet that has won nothing is left out, which makes the average smaller
            return -math.inf
        larger, smaller = (self.first, self.second) if self.difference > 0 else (self.second, self.first)
        return log_e_further_apart(larger, smaller, effect) - math.log(2.0)

    def log_e_at_most(self, effect: float) -> float:
        """What it would be if all users of the smaller group were hits and none of the others was."""
        small, large = sorted((len(self.first), len(self.second)))
        return log_e_further_apart(np.ones(small), np.zeros(large), effect) - math.log(2.0)


@dataclass(frozen=True)
class Contrasts:
    """All comparisons: of large parts of the list, and of single positions. Each kind has half of the error budget.

    Attributes:
        parts: halves, outer quarters with the middle, and each quarter with the rest.
        positions: each position with all others.
    """

    parts: tuple[Contrast, ...]
    positions: tuple[Contrast, ...]

    @classmethod
    def of(cls, found: Hits) -> Contrasts:
        """The comparisons of which both groups have users."""
        return cls(tuple(_parts(found)), tuple(_positions(found)))

    def log_e(self, effect: float) -> float:
        """Log of the weighted average of all e-values, an e-value itself: against "no two recalls differ by more"."""
        weighted = [each.log_e(effect) - self._cost(group) for group in self._groups for each in group]
        return float(logsumexp([-math.inf, *weighted]))

    def log_e_at_most(self, effect: float) -> float:
        """What `log_e` can reach with so many users, by one of the large parts."""
        most = max((each.log_e_at_most(effect) for each in self.parts), default=-math.inf)
        return most - self._cost(self.parts)

    def widest(self, effect: float) -> Contrast:
        """The comparison with the most evidence of a difference above the effect, else the largest part's difference."""
        every = [(each.log_e(effect) - self._cost(group), each) for group in self._groups for each in group]
        best, contrast = max(every, key=lambda pair: pair[0])
        return contrast if best > 0.0 else max(self.parts, key=lambda each: abs(each.difference))

    def p_if_equal(self, effect: float) -> float:
        """How often equal recalls show any two large parts further apart than the effect and than these (Bonferroni)."""
        beyond = [each.p_if_equal for each in self.parts if abs(each.difference) > effect]
        return min(1.0, len(self.parts) * min(beyond, default=1.0))

    @property
    def _groups(self) -> tuple[tuple[Contrast, ...], ...]:
        return self.parts, self.positions

    def _cost(self, group: tuple[Contrast, ...]) -> float:
        return math.log(sum(map(bool, self._groups)) * max(1, len(group)))


def _parts(found: Hits) -> Iterator[Contrast]:
    quartered = found.n_candidates >= QUARTERS
    outer = (found.quarter == 0) | (found.quarter == QUARTERS - 1)
    groups: list[tuple[str, BoolArray, BoolArray]] = [
        ("the first half against the second", found.place < 0.5, found.place > 0.5),
        ("the outer quarters against the middle", outer & quartered, ~outer & quartered),
    ]
    for quarter in range(QUARTERS):
        inside = found.quarter == quarter
        groups.append((f"quarter {quarter + 1} against the rest", inside & quartered, ~inside & quartered))
    for between, one, other in groups:
        if one.any() and other.any():
            yield Contrast(between, found.hits[one], found.hits[other])


def _positions(found: Hits) -> Iterator[Contrast]:
    times = np.bincount(found.position)
    for position in np.flatnonzero((times >= _FEWEST_AT_A_POSITION) & (times < len(found.hits))).tolist():
        inside = found.position == position
        yield Contrast(f"position {position} against the others", found.hits[inside], found.hits[~inside], position)
