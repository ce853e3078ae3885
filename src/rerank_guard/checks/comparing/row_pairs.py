"""The same tasks scored in two ways, task by task: how much changed, and is it more than arithmetic noise?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.probability_rows import (
    are_given_as_probabilities,
    as_probabilities,
    total_variations,
)
from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE
from rerank_guard.metrics import as_score_rows

__all__ = ["FAR_CAP", "FAR_FACTOR", "RowPairs", "compare_rows", "pair_rows"]

FAR_FACTOR = 10.0
"""Default of how many times the tolerance no task may be apart."""

FAR_CAP = 0.5
"""Default of the largest distance that this can be: half of the largest possible one."""

_FLOOR = 1e-6
"""Probabilities below this are not told apart: half precision does not hold them."""

_NOISE_NATS = 0.5
"""How far a bfloat16 logit of size 16 to 32, where neighbours are 0.125 apart, is moved at most from one computation to another."""

_OF_SPREAD = 0.1
"""A change below this share of a row's range leaves its order nearly as it was, whatever the scale of the scores."""

_OF_FLAT_SPREAD = 0.5
"""The same share where a row is so flat that noise of 0.5 nats would be larger."""

_SMALL = 0.5
"""Scores that stay below this are no logits or log-probabilities (log 2 is 0.69), and their softmax is flat."""

_ROUNDING = 0.03
"""What half precision may move a score by, as a share of its size: 0.5 nats at 16."""

_OF_SPREAD_RESCORED = 1e-3
_OF_SIZE_RESCORED = 1e-5


@dataclass(frozen=True, slots=True)
class RowPairs:
    """What changed between two runs over U tasks.

    Attributes:
        apart: (U,) total variation distance between the two rows of probabilities, in [0, 1].
        change: (U,) the largest change of a score in the scores' own unit, a common shift left out; of probabilities, that
            of their logarithm. inf where a score is a number in one run only.
        spread: (U,) the larger of the two rows' ranges, in the same unit.
        size: (U,) the largest absolute score, in the same unit.
        position: (U,) int64, the 0-based position of the largest change.
        top_changed: (U,) whether another candidate comes first.
    """

    apart: FloatArray
    change: FloatArray
    spread: FloatArray
    size: FloatArray
    position: IntArray
    top_changed: BoolArray

    def beyond_noise(self, tolerance: float) -> BoolArray:
        """(U,) apart by more than `tolerance`, and by more than the rounding of half precision explains.

        That is 0.5 nats and a tenth of the row's range; or half of the range, where that is less than 0.5 nats. Scores below
        0.5 in size, whose probabilities are nearly even whatever they say, count by half of the range alone.
        """
        moved = (self.change > _NOISE_NATS) & (self.change > _OF_SPREAD * self.spread)
        moved_flat = self.change > _OF_FLAT_SPREAD * self.spread
        small = (self.size < _SMALL) & moved_flat & (self.change > _ROUNDING * self.size)
        return np.asarray(((self.apart > tolerance) & (moved | moved_flat)) | small, dtype=np.bool_)

    def beyond_order_of_sums(self, tolerance: float) -> BoolArray:
        """(U,) apart by more than `tolerance`, or changed by more than 1e-3 of the row's range and 1e-5 of the scores' size.

        The second finds changes on a scale so steep, or so small, that the probabilities hide them.
        """
        changed = (self.change > _OF_SPREAD_RESCORED * self.spread) & (self.change > _OF_SIZE_RESCORED * self.size)
        return np.asarray((self.apart > tolerance) | changed, dtype=np.bool_)

    def gross(self, distance: float) -> BoolArray:
        """(U,) apart by more than `distance`, where a scale so steep that noise does that is left out."""
        return np.asarray((self.apart > distance) & (self.change > _OF_SPREAD * self.spread), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Moved:
    """How far the scores of one task moved; see `RowPairs`."""

    change: float
    spread: float
    size: float
    position: int


def compare_rows(
    first: Sequence[FloatArray], second: Sequence[FloatArray], tasks: Sequence[RankingTask], names: tuple[str, str]
) -> RowPairs:
    """Compare two runs over the same tasks.

    Args:
        first: one array (N_u,) a task; may hold values that are not finite.
        second: the same, of the other run.
        tasks: the tasks, in the same order.
        names: of the two runs, for error messages.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
    """
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    ones, others = as_score_rows(first, lengths, what=names[0]), as_score_rows(second, lengths, what=names[1])
    runs = ragged(ones), ragged(others)
    on_one_scale = _floored_logs if are_given_as_probabilities(*runs) else np.asarray
    moved = [_moved(on_one_scale(a), on_one_scale(b)) for a, b in zip(ones, others, strict=True)]
    return RowPairs(
        apart=total_variations(*as_probabilities(*runs)),
        change=np.array([each.change for each in moved]),
        spread=np.array([each.spread for each in moved]),
        size=np.array([each.size for each in moved]),
        position=np.array([each.position for each in moved], dtype=np.int64),
        top_changed=np.array([_top(a) != _top(b) for a, b in zip(ones, others, strict=True)], dtype=np.bool_),
    )


def pair_rows(
    pairs: RowPairs,
    chosen: BoolArray,
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    names: tuple[str, str],
) -> tuple[str, ...]:
    """Evidence: of the chosen (U,) tasks, those whose scores moved most."""
    numbers = np.flatnonzero(chosen)
    worst = numbers[np.argsort(-pairs.apart[numbers], kind="stable")][:MAX_EVIDENCE]
    rows = []
    for task in worst.tolist():
        position = int(pairs.position[task])
        rows.append(
            f"query {tasks[task].query_id!r}: distance {pairs.apart[task]:.3g}; position {position} has "
            f"{first[task][position]:.6g} {names[0]}, {second[task][position]:.6g} {names[1]}"
        )
    return tuple(rows)


def _top(row: FloatArray) -> int:
    return int(np.argmax(np.where(np.isnan(row), -np.inf, row)))


def _floored_logs(row: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(row, _FLOOR)))


def _moved(first: FloatArray, second: FloatArray) -> _Moved:
    finite = np.isfinite(first) & np.isfinite(second)
    unlike = ~finite & (first != second) & ~(np.isnan(first) & np.isnan(second))
    spread = max(float(np.ptp(row[finite])) for row in (first, second)) if finite.any() else 0.0
    size = max(float(np.abs(row[finite]).max(initial=0.0)) for row in (first, second))
    if unlike.any():
        return _Moved(np.inf, spread, size, int(np.flatnonzero(unlike)[0]))
    if not finite.any():
        return _Moved(0.0, 0.0, 0.0, 0)
    difference = np.where(finite, np.where(finite, first, 0.0) - np.where(finite, second, 0.0), 0.0)
    shifted = np.abs(difference - np.median(difference[finite])) * finite
    position = int(shifted.argmax())
    return _Moved(float(shifted[position]), spread, size, position)
