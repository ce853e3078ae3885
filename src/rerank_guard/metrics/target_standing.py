"""One target a user: two integers a user, counted in one pass over the scores, give every metric at every cutoff."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_guard.metrics.blocks import ValueReader, block_ranges
from rerank_guard.metrics.counting import RowCounter
from rerank_guard.metrics.metric import Metric, MetricSummary, TiePolicy
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.rows import CandidateValues

__all__ = ["TargetPositions", "TargetStanding", "target_standing"]

TargetPositions: TypeAlias = Sequence[int | None] | IntArray
"""The target's 0-based position, one a user; None (in a sequence) where the target is not among the candidates."""

_MAX_DENSE = 2**20


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """Where each user's one target is among the candidates, ties left open.

    Attributes:
        above: (U,) int64, candidates with a higher score than the target; 0 for users without their target.
        tied: (U,) int64, candidates with the target's score, itself included; 0 for users without their target.
        n_candidates: (U,) int64, N.
        present: (U,) bool, whether the target is among the candidates.
    """

    above: IntArray
    tied: IntArray
    n_candidates: IntArray
    present: BoolArray

    def values(self, metric: Metric, tie_policy: TiePolicy = "expected") -> FloatArray:
        """The metric of each user.

        A target at rank r is worth `metric.in_order` of r, so in expectation over tie orders the mean of that over
        the ranks above + 1 to above + tied, in the best order that of the first of them, in the worst of the last.

        Args:
            metric: what to measure.
            tie_policy: how tied candidates are ordered.

        Returns:
            (U,) float64; 0.0 for users without their target (end-to-end evaluation).

        Raises:
            InvalidTaskError: another tie policy.
        """
        return self._of(metric, tie_policy, self.above, self.tied)

    def tie_gap_at(self, k: int) -> float:
        """Hit@k when every tie is broken for the target, minus Hit@k when every tie is broken against it; in [0, 1].

        What a stable sort can add or hide. 0.0 for no users.
        """
        if len(self.above) == 0:
            return 0.0
        return float(((self.above < k) & (self.above + self.tied > k)).sum() / len(self.above))

    def summaries(self, metrics: Iterable[Metric]) -> tuple[MetricSummary, ...]:
        """Each metric averaged over users, with its tie gap.

        Users with the same `above` and `tied` have the same value, so each metric is computed once for every pair that
        occurs.

        Raises:
            InvalidTaskError: no users.
        """
        if len(self.above) == 0:
            raise InvalidTaskError("there are no users to average over; give at least one.")
        above, tied, share = self._distinct()
        n_present = int(np.count_nonzero(self.present))
        return tuple(
            MetricSummary(
                metric,
                mean=float(share @ self._of(metric, "expected", above, tied)),
                optimistic=float(share @ self._of(metric, "optimistic", above, tied)),
                pessimistic=float(share @ self._of(metric, "pessimistic", above, tied)),
                n_users=len(self.above),
                n_users_with_relevant=n_present,
            )
            for metric in metrics
        )

    def _of(self, metric: Metric, tie_policy: TiePolicy, above: IntArray, tied: IntArray) -> FloatArray:
        last_rank = int(self.n_candidates.max(initial=0))
        at_rank = np.zeros(last_rank + 1)
        ranks = np.arange(1, last_rank + 1, dtype=np.int64)[:, None]
        at_rank[1:] = metric.in_order(RelevantOrder(ranks, np.ones(ranks.shape)))
        if tie_policy == "optimistic":
            return np.asarray(at_rank[above + np.minimum(tied, 1)])  # entry 0, for users without their target, is 0
        if tie_policy == "pessimistic":
            return np.asarray(at_rank[above + tied])
        if tie_policy == "expected":
            sums = np.cumsum(at_rank)
            return np.asarray((sums[above + tied] - sums[above]) / np.maximum(tied, 1))
        raise InvalidTaskError(
            f"there is no tie policy {tie_policy!r}; name 'expected', 'optimistic' or 'pessimistic'."
        )

    def _distinct(self) -> tuple[IntArray, IntArray, FloatArray]:
        """The pairs of above and tied that occur, and the share of users that have each."""
        base = int(self.n_candidates.max(initial=0)) + 1
        key = self.above * base
        key += self.tied
        if base * base <= _MAX_DENSE:
            counts = np.bincount(key, minlength=base * base)
            pairs = np.flatnonzero(counts)
            counts = counts[pairs]
        else:
            pairs, counts = np.unique(key, return_counts=True)
        return pairs // base, pairs % base, counts / len(key)


def target_standing(
    scores: CandidateValues,
    target_index: TargetPositions,
    *,
    present: BoolArray | None = None,
    n_candidates: IntArray | None = None,
    what: str = "scores",
) -> TargetStanding:
    """Count, for each user, the candidates above the target and level with it.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better. A float32 or float64 matrix is read
            in place, block by block.
        target_index: 0-based position of each user's target; in a sequence None where it is not among the candidates.
        present: (U,) False where the target is not among the candidates, whatever `target_index` holds there: the
            same as None, for an array of integers.
        n_candidates: (U,) int64, N that the scores must have; None takes each row's own length.
        what: what the scores are called in error messages.

    Raises:
        InvalidScoresError: malformed scores, or any that is not finite.
        InvalidTaskError: another number of targets than users, or a target_index outside its user's candidates.
    """
    reader = ValueReader(scores, n_candidates=n_candidates, what=what)
    positions, listed = _positions(target_index, present, reader.n_candidates)
    above = np.zeros(reader.n_users, dtype=np.int64)
    tied = np.zeros(reader.n_users, dtype=np.int64)
    size = min(reader.block_users, max(1, reader.n_users))
    counter = RowCounter(size, reader.width)
    first_of_row = np.arange(size, dtype=np.int64) * reader.width
    for start, stop in block_ranges(reader.n_users, size):
        block = reader.block(start, stop)
        if block.shape[1]:
            target = block.reshape(-1)[first_of_row[: stop - start] + positions[start:stop]]
            counter.above_and_tied(block, target, above[start:stop], tied[start:stop])
    if not bool(listed.all()):
        above[~listed] = 0
        tied[~listed] = 0
    return TargetStanding(above, tied, reader.n_candidates, listed)


def _positions(
    target_index: TargetPositions, present: BoolArray | None, n_candidates: IntArray
) -> tuple[IntArray, BoolArray]:
    """(U,) positions, 0 where the target is missing, and (U,) whether it is among the candidates."""
    if len(target_index) != len(n_candidates):
        raise InvalidTaskError(
            f"{len(target_index)} target_index for {len(n_candidates)} users; give one a user, None when missing."
        )
    positions, listed = _as_arrays(target_index)
    if present is not None:
        _require_present(present, len(n_candidates))
        listed = listed & present
    outside = (positions < 0) | (positions >= n_candidates)
    if bool((outside & listed).any()):
        row = int(np.flatnonzero(outside & listed)[0])
        raise InvalidTaskError(
            f"target_index {positions[row]} of user row {row} is outside its {n_candidates[row]} candidates; positions "
            f"run from 0 to {n_candidates[row] - 1}, and None says that the target is missing."
        )
    return np.where(outside, 0, positions) if bool(outside.any()) else positions, listed


def _as_arrays(target_index: TargetPositions) -> tuple[IntArray, BoolArray]:
    """(U,) positions, 0 in place of None, and (U,) whether one is given."""
    if isinstance(target_index, np.ndarray) and target_index.dtype.kind in "iu" and target_index.ndim == 1:
        return target_index.astype(np.int64, copy=False), np.ones(len(target_index), dtype=np.bool_)
    whole = [0 if position is None else _whole(position, row) for row, position in enumerate(target_index)]
    given = [position is not None for position in target_index]
    return np.array(whole, dtype=np.int64), np.array(given, dtype=np.bool_)


def _require_present(present: BoolArray, n_users: int) -> None:
    if np.shape(present) != (n_users,) or np.asarray(present).dtype != np.bool_:
        raise InvalidTaskError(
            f"present has shape {np.shape(present)} and dtype {np.asarray(present).dtype} for {n_users} users; "
            "give one boolean a user."
        )


def _whole(position: int, row: int) -> int:
    try:
        return operator.index(position)
    except TypeError:
        raise InvalidTaskError(
            f"target_index of user row {row} is {position!r}; give a whole number, the 0-based position, or None."
        ) from None
