"""Groups of users by the length of their input, the length of their history, or the popularity of their target item."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import norm, rankdata

from rerank_guard.checks.comparing.ragged_rows import Rows, split
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stats.two_means import log_e_further_apart

__all__ = ["GroupContrast", "Property", "contrasts", "properties"]

_SHARES = (0.5, 0.25, 0.125)
_FEWEST = 8
_PREDICTIVE = 2.58
"""Standard errors from chance at which popularity counts as telling the target item, so that a good ranking follows it."""


@dataclass(frozen=True, slots=True)
class Property:
    """What tells users apart.

    Attributes:
        name: in words.
        more, less: what users with much and with little of it are called.
        values: (n,) of each user.
        more_is_no_harder: whether a healthy ranking is not expected to be worse for users with more of it.
        less_is_no_harder: the same for those with less.
    """

    name: str
    more: str
    less: str
    values: FloatArray
    more_is_no_harder: bool
    less_is_no_harder: bool


@dataclass(frozen=True)
class GroupContrast:
    """Users at one end of a property, who should not be ranked worse, and other users.

    Attributes:
        which: the group in words.
        inside: (n,) bool, the users of the group.
        group, others: (g,) and (o,) their hits.
    """

    which: str
    inside: BoolArray
    group: FloatArray
    others: FloatArray

    @property
    def shortfall(self) -> float:
        """Recall of the others less that of the group."""
        return float(self.others.mean() - self.group.mean())

    @cached_property
    def p_if_equal(self) -> float:
        """How often equal recalls differ so much in this direction, by a normal approximation."""
        n, m = len(self.group), len(self.others)
        both = float((self.group.sum() + self.others.sum()) / (n + m))
        error = math.sqrt(both * (1.0 - both) * (1.0 / n + 1.0 / m))
        return float(norm.sf(self.shortfall / error)) if error > 0.0 else 1.0

    def log_e(self, effect: float) -> float:
        """Log E against "the recall of the group is at most `effect` below that of the others"."""
        if self.shortfall <= effect:
            return -math.inf
        return log_e_further_apart(self.others, self.group, effect)


def properties(
    table: TaskTable, kept: IntArray, k: int, item_popularity: Mapping[str, int] | None
) -> Iterator[Property]:
    """What is known of the users.

    Args:
        table: all tasks.
        kept: (n,) int64, those that are judged.
        k: cutoff, of the question whether popularity tells the target item.
        item_popularity: item id to count; None where it is not known.
    """
    history = table.histories.lengths[kept].astype(np.float64)
    # a longer history tells more of a user, so few items are a good reason for a poor ranking
    yield Property(
        "input length",
        "the longest inputs",
        "the shortest inputs",
        _input_length(table)[kept],
        True,
        bool(np.ptp(history) == 0.0),
    )
    yield Property("history length", "the longest histories", "the shortest histories", history, True, False)
    if item_popularity is not None:
        count = table.pool.of_ids(item_popularity, 0.0)
        beyond = _popularity_beyond_chance(table, kept, k, count)
        yield Property(
            "popularity",
            "the most popular target items",
            "the rarest target items",
            count[table.target[kept]],
            beyond > -_PREDICTIVE,
            beyond < _PREDICTIVE,
        )


def contrasts(properties: Sequence[Property], hits: FloatArray, n_candidates: IntArray) -> Iterator[GroupContrast]:
    """The half, the quarter and the eighth at each end of each property, with the users next to them and with all others.

    Users are placed among those with equally many candidates, as longer lists are harder.

    Args:
        properties: each (n,).
        hits: (n,) in [0, 1].
        n_candidates: (n,) N.
    """
    for each in properties:
        place = _place(each.values, n_candidates)
        for judged, name, share in (
            (each.more_is_no_harder, each.more, place),
            (each.less_is_no_harder, each.less, 1.0 - place),
        ):
            if judged:
                yield from _at_the_end(name, share, hits)


def _at_the_end(name: str, place: FloatArray, hits: FloatArray) -> Iterator[GroupContrast]:
    """Of users with a place near 1."""
    for share in _SHARES:
        inside = place > 1.0 - share
        beside = ~inside & (place > 1.0 - 2.0 * share)
        kinds = [("the others", ~inside)] + ([("those next to them", beside)] if share < _SHARES[0] else [])
        for others, mask in kinds:
            if min(int(inside.sum()), int(mask.sum())) >= _FEWEST:
                yield GroupContrast(
                    f"the {share:.0%} of users with {name}, and {others}", inside, hits[inside], hits[mask]
                )


def _place(values: FloatArray, n_candidates: IntArray) -> FloatArray:
    """(n,) in (0, 1): the rank of each value among users with as many candidates, ties in the middle."""
    place = np.empty(len(values))
    for n in np.unique(n_candidates).tolist():
        at = np.flatnonzero(n_candidates == n)
        place[at] = (rankdata(values[at]) - 0.5) / len(at)
    return place


def _input_length(table: TaskTable) -> FloatArray:
    """(T,) bytes of the texts of query, history and candidates."""
    of_item = table.pool.texts.encoded.lengths
    total = _sums(of_item, table.candidates) + _sums(of_item, table.histories)
    return total if table.queries is None else total + table.queries.encoded.lengths


def _sums(of_item: IntArray, rows: Ragged[np.int32]) -> FloatArray:
    sums = np.concatenate([[0.0], np.cumsum(of_item[rows.values], dtype=np.float64)])
    return np.asarray(sums[rows.offsets[1:]] - sums[rows.offsets[:-1]])


def _popularity_beyond_chance(table: TaskTable, kept: IntArray, k: int, count: FloatArray) -> float:
    """By how many standard errors a ranking by popularity is better than chance at K."""
    some = table.take(kept)
    rows: Rows = Ragged(count[some.pool.id_codes(some.candidates.values)], some.candidates.offsets)
    at = (some.pool.id_codes(some.candidates.values) == np.repeat(some.target, some.n_candidates)).nonzero()[0]
    first = at[np.unique(rows.row_of_value()[at], return_index=True)[1]]
    hits = expected_hit_at_k(split(rows), (first - some.candidates.offsets[:-1]).tolist(), k)
    chance = np.minimum(1.0, k / some.n_candidates)
    error = math.sqrt(float((chance * (1.0 - chance)).sum()))
    return float((hits - chance).sum()) / error if error > 0.0 else 0.0
