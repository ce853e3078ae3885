"""One target a user: two integers a user, counted in one pass over the scores, give every metric at every cutoff."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rerank_guard.errors import InvalidTaskError
from rerank_guard.metrics.blocks import ValueReader, block_ranges
from rerank_guard.metrics.counting import RowCounter
from rerank_guard.metrics.metric import Metric, MetricSummary, TiePolicy
from rerank_guard.metrics.order import RelevantOrder
from rerank_guard.metrics.rows import CandidateValues
from rerank_guard.types import BoolArray, FloatArray, IntArray

__all__ = ["TargetSlots", "TargetStanding", "target_standing"]

TargetSlots: TypeAlias = Sequence[int | None] | IntArray
"""The target's 0-based slot a user; None (in a sequence) where the target is not among the candidates."""

_MAX_DENSE = 2**20


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """Where each user's one target stands among the candidates, ties left open.

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
    scores: CandidateValues, target_index: TargetSlots, *, present: BoolArray | None = None
) -> TargetStanding:
    """Count, for each user, the candidates above the target and level with it.

    Args:
        scores: one array (N_u,) a user, or one (U, N) matrix; higher is better. A float32 or float64 matrix is read
            in place, block by block.
        target_index: 0-based slot of each user's target; in a sequence None where it is not among the candidates.
        present: (U,) False where the target is not among the candidates, whatever `target_index` holds there: the
            same as None, for an array of integers.

    Raises:
        InvalidScoresError: malformed scores, or any that is not finite.
        InvalidTaskError: another number of targets than users, or a target_index that is no slot of its user.
    """
    reader = ValueReader(scores)
    slots, listed = _slots(target_index, present, reader.n_candidates)
    above = np.zeros(reader.n_users, dtype=np.int64)
    tied = np.zeros(reader.n_users, dtype=np.int64)
    size = min(reader.block_users, max(1, reader.n_users))
    counter = RowCounter(size, reader.width)
    first_of_row = np.arange(size, dtype=np.int64) * reader.width
    for start, stop in block_ranges(reader.n_users, size):
        block = reader.block(start, stop)
        if block.shape[1]:
            target = block.reshape(-1)[first_of_row[: stop - start] + slots[start:stop]]
            counter.above_and_tied(block, target, above[start:stop], tied[start:stop])
    if not bool(listed.all()):
        above[~listed] = 0
        tied[~listed] = 0
    return TargetStanding(above, tied, reader.n_candidates, listed)


def _slots(
    target_index: TargetSlots, present: BoolArray | None, n_candidates: IntArray
) -> tuple[IntArray, BoolArray]:
    """(U,) slots, 0 where the target is missing, and (U,) whether it is among the candidates."""
    n_users = len(n_candidates)
    if len(target_index) != n_users:
        raise InvalidTaskError(
            f"{len(target_index)} target_index for {n_users} users; give one a user, None when missing."
        )
    if isinstance(target_index, np.ndarray) and target_index.dtype.kind in "iu" and target_index.ndim == 1:
        listed = np.ones(n_users, dtype=np.bool_)
        slots = target_index.astype(np.int64, copy=False)
    else:
        listed = np.array([slot is not None for slot in target_index], dtype=np.bool_)
        slots = np.array(
            [0 if slot is None else _whole(slot, row) for row, slot in enumerate(target_index)], dtype=np.int64
        )
    if present is not None:
        if np.shape(present) != (n_users,) or np.asarray(present).dtype != np.bool_:
            raise InvalidTaskError(
                f"present has shape {np.shape(present)} and dtype {np.asarray(present).dtype} for {n_users} users; "
                "give one boolean a user."
            )
        listed = listed & present
    outside = (slots < 0) | (slots >= n_candidates)
    if bool(outside.any()):
        if bool((outside & listed).any()):
            row = int(np.flatnonzero(outside & listed)[0])
            raise InvalidTaskError(
                f"target_index {slots[row]} of user row {row} is outside its {n_candidates[row]} candidates; slots "
                f"run from 0 to {n_candidates[row] - 1}, and None says that the target is missing."
            )
        slots = np.where(outside, 0, slots)
    return slots, listed


def _whole(slot: int, row: int) -> int:
    try:
        return operator.index(slot)
    except TypeError:
        raise InvalidTaskError(
            f"target_index of user row {row} is {slot!r}; give a whole number, the 0-based slot, or None."
        ) from None
