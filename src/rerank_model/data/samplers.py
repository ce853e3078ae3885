"""Candidate samplers: which items are listed with the target.

A sampler draws for many queries at once, from a numpy Generator that the caller seeds. Candidates are distinct, none
is in the user's history, and all positions are exchangeable: the target's position is uniform over the N, and the order
of the others says nothing either (sampling without replacement by popularity finds popular items first, so the drawn
order is shuffled).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_model.data.interactions import Interactions
from rerank_model.data.popularity import item_counts
from rerank_model.data.seen import SeenItems
from rerank_model.errors import DataError

__all__ = ["CandidateSampler", "Candidates", "NegativeSampler", "PopularitySampler", "UniformSampler"]

_ROUNDS = 3
_CHUNK = 8_192
_DENSE_CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The candidates of Q queries.

    Attributes:
        items: (Q, N) int64 item codes, by position.
        target_position: (Q,) int64, 0-based; -1 where the target is not among the candidates.
        scores: (Q, N) float64, the first stage's scores; None without a first stage.
    """

    items: IntArray
    target_position: IntArray
    scores: FloatArray | None = None


class CandidateSampler(Protocol):
    """Lists N candidates a query; the target may be missing."""

    def candidates(
        self, users: IntArray, targets: IntArray, *, n_candidates: int, seen: SeenItems, rng: np.random.Generator
    ) -> Candidates:
        """Candidates for (Q,) users and their targets, as codes; none that the user has `seen`, but the target."""
        ...


class NegativeSampler(CandidateSampler, Protocol):
    """Draws negatives for a given target, so the target is always among the candidates: fit for training."""

    def negatives(
        self, users: IntArray, targets: IntArray, *, n_negatives: int, seen: SeenItems, rng: np.random.Generator
    ) -> IntArray:
        """(Q, n_negatives) distinct item codes, none seen by the user, none the target."""
        ...


class _WeightedSampler:
    """Draws without replacement, each draw in proportion to the weight among the items still allowed."""

    def __init__(self, weights: FloatArray, kind: str) -> None:
        self._weights = weights
        self._kind = kind
        self._drawable: BoolArray = weights > 0
        cumulative = np.cumsum(weights)
        self._cumulative: FloatArray = cumulative / cumulative[-1]

    def negatives(
        self, users: IntArray, targets: IntArray, *, n_negatives: int, seen: SeenItems, rng: np.random.Generator
    ) -> IntArray:
        """(Q, n_negatives) distinct item codes, none seen by the user, none the target, in random order.

        Raises:
            DataError: a user has fewer than `n_negatives` items left.
        """
        if n_negatives < 1:
            raise DataError(f"{n_negatives} negatives asked for; a ranking needs at least 1, so n_candidates of 2.")
        self._require_enough(users, targets, n_negatives, seen)
        blocks = [
            self._draw(users[start : start + _CHUNK], targets[start : start + _CHUNK], n_negatives, seen, rng)
            for start in range(0, len(users), _CHUNK)
        ]
        drawn = np.concatenate(blocks) if blocks else np.empty((0, n_negatives), dtype=np.int64)
        return rng.permuted(drawn, axis=1)

    def candidates(
        self, users: IntArray, targets: IntArray, *, n_candidates: int, seen: SeenItems, rng: np.random.Generator
    ) -> Candidates:
        """The target at a uniform position, n_candidates - 1 negatives at the others.

        Raises:
            DataError: a user has too few items left.
        """
        negatives = self.negatives(users, targets, n_negatives=n_candidates - 1, seen=seen, rng=rng)
        position = rng.integers(0, n_candidates, size=len(users))
        items = np.empty((len(users), n_candidates), dtype=np.int64)
        is_target = np.arange(n_candidates) == position[:, None]
        items[is_target] = targets
        items[~is_target] = negatives.ravel()
        return Candidates(items=items, target_position=position)

    def _require_enough(self, users: IntArray, targets: IntArray, n_negatives: int, seen: SeenItems) -> None:
        n_drawable = int(self._drawable.sum())
        own_target = self._drawable[targets] & ~seen.contains(users, targets)
        left = n_drawable - seen.counts(self._drawable)[users] - own_target
        short = left < n_negatives
        if short.any():
            query = int(np.argmax(short))
            raise DataError(
                f"user {seen.user_ids[users[query]]!r} has {int(left[query])} of {n_drawable:,} {self._kind} left as "
                f"negatives where {n_negatives} are needed ({int(short.sum()):,} such queries in all). Lower n_candidates "
                f"to {int(left.min()) + 1} at most, leave such users out and report them, or bring more items."
            )

    def _draw(
        self, users: IntArray, targets: IntArray, n: int, seen: SeenItems, rng: np.random.Generator
    ) -> IntArray:
        # Draw more than needed with replacement, and keep the first n new and allowed ones: the same distribution
        # as drawing one by one among the allowed. Rows that fall short draw again, then by `_race`.
        result = np.full((len(users), n), -1, dtype=np.int64)
        open_rows = np.arange(len(users))
        width = n + n // 4 + 4
        for _ in range(_ROUNDS):
            fresh = np.searchsorted(self._cumulative, rng.random((len(open_rows), width)), side="right")
            allowed = ~seen.contains(users[open_rows, None], fresh) & (fresh != targets[open_rows, None])
            pool = np.concatenate((result[open_rows], np.where(allowed, fresh, -1)), axis=1)
            keep = (pool >= 0) & _first_in_row(pool)
            rank = np.cumsum(keep, axis=1) - 1
            keep &= rank < n
            row, column = np.nonzero(keep)
            result[open_rows[row], rank[row, column]] = pool[row, column]
            open_rows = open_rows[rank[:, -1] < n - 1]
            if len(open_rows) == 0:
                return result
            width *= 2
        step = max(1, _DENSE_CELLS // len(self._weights))
        for start in range(0, len(open_rows), step):
            rows = open_rows[start : start + step]
            result[rows] = self._race(users[rows], targets[rows], result[rows], seen, rng)
        return result

    def _race(
        self, users: IntArray, targets: IntArray, have: IntArray, seen: SeenItems, rng: np.random.Generator
    ) -> IntArray:
        """Complete rows exactly, over all items at once: the next draws are the smallest of Exp(1)/weight.

        Source: Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
        """
        n_rows, n = have.shape
        arrival = np.full((n_rows, len(self._weights)), np.inf)
        np.divide(rng.exponential(size=arrival.shape), self._weights, out=arrival, where=self._drawable)
        arrival[np.arange(n_rows), targets] = np.inf
        for query, user in enumerate(users):
            arrival[query, seen.items_of(int(user))] = np.inf
        row, column = np.nonzero(have >= 0)
        arrival[row, have[row, column]] = -1.0  # keep what was drawn before
        nearest = np.argpartition(arrival, n - 1, axis=1)[:, :n]
        return nearest.astype(np.int64)


class UniformSampler(_WeightedSampler):
    """Every item of the vocabulary is as likely a negative as any other."""

    def __init__(self, interactions: Interactions) -> None:
        """Draw from all of `interactions.item_ids`; align them to a catalogue to draw from all of that."""
        _require_items(interactions)
        super().__init__(np.ones(len(interactions.item_ids), dtype=np.float64), "items")


class PopularitySampler(_WeightedSampler):
    """An item is a negative in proportion to how often it was taken in training; never-taken items never are."""

    def __init__(self, train: Interactions) -> None:
        """Count the items of `train`, which must hold training interactions only.

        Raises:
            DataError: no interactions.
        """
        _require_items(train)
        counts = item_counts(train)
        if not counts.any():
            raise DataError("the popularity sampler got no training interactions; pass split.train.")
        super().__init__(counts.astype(np.float64), "items taken in training")


def _require_items(interactions: Interactions) -> None:
    if not interactions.item_ids:
        raise DataError("the sampler got interactions without any items; check the file.")


def _first_in_row(values: IntArray) -> BoolArray:
    """Where a value occurs for the first time in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    repeated = np.zeros(values.shape, dtype=np.bool_)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    first = np.empty_like(repeated)
    np.put_along_axis(first, order, ~repeated, axis=1)
    return first
