"""The same tasks scored in two ways, user by user: how much changed, and is it more than arithmetic noise?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.explain import is_probability_row, probability_rows, total_variation
from rerank_guard.errors import RerankGuardError
from rerank_guard.metrics import as_score_rows
from rerank_guard.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE

__all__ = ["RowPairs", "compare_rows", "pair_rows", "require_tolerance"]

_FLOOR = 1e-6
"""Probabilities below this are not told apart: half precision does not hold them."""

_NOISE_NATS = 0.5
"""How far a bfloat16 logit of size 16 to 32, where neighbours are 0.125 apart, strays at most between two computations."""

_OF_SPREAD = 0.1
"""A change below this share of a row's range leaves its order nearly as it was, whatever the scale of the scores."""

_OF_FLAT_SPREAD = 0.5
"""The same share where a row is so flat that noise of 0.5 nats would be larger."""

_SMALL = 0.5
"""Scores that stay below this are no logits or log-probabilities (log 2 is 0.69), and their softmax is flat."""

_ROUNDING = 0.03
"""What half precision may move a score by, as a share of its size: 0.5 nats at 16."""

_OF_SPREAD_AGAIN = 1e-3
_OF_SIZE_AGAIN = 1e-5


@dataclass(frozen=True, slots=True)
class RowPairs:
    """What changed between two runs over U users.

    Attributes:
        apart: (U,) total variation distance between the two rows of probabilities, in [0, 1].
        change: (U,) the largest change of a score in the scores' own unit, a shift of all apart; of probabilities, that of
            their logarithm. inf where a score is a number in one run only.
        spread: (U,) the larger of the two rows' ranges, in the same unit.
        size: (U,) the largest absolute score, in the same unit.
        slot: (U,) int64 where the largest change is.
        top_changed: (U,) whether another candidate comes first.
    """

    apart: FloatArray
    change: FloatArray
    spread: FloatArray
    size: FloatArray
    slot: IntArray
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
        changed = (self.change > _OF_SPREAD_AGAIN * self.spread) & (self.change > _OF_SIZE_AGAIN * self.size)
        return np.asarray((self.apart > tolerance) | changed, dtype=np.bool_)

    def gross(self, distance: float) -> BoolArray:
        """(U,) apart by more than `distance`, where a scale so steep that noise does that is left out."""
        return np.asarray((self.apart > distance) & (self.change > _OF_SPREAD * self.spread), dtype=np.bool_)


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
    p_ones, p_others = probability_rows(ones, others)
    given = all(is_probability_row(row) for row in (*ones, *others) if not np.isnan(row).any())
    apart = [total_variation(p, q) for p, q in zip(p_ones, p_others, strict=True)]
    moved = [_change(a, b, given) for a, b in zip(ones, others, strict=True)]
    return RowPairs(
        apart=np.array(apart),
        change=np.array([found[0] for found in moved]),
        spread=np.array([found[1] for found in moved]),
        size=np.array([found[2] for found in moved]),
        slot=np.array([found[3] for found in moved], dtype=np.int64),
        top_changed=np.array([_top(a) != _top(b) for a, b in zip(ones, others, strict=True)], dtype=np.bool_),
    )


def require_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that is no total variation distance.

    Raises:
        RerankGuardError: outside [0, 1).
    """
    if not 0.0 <= tolerance < 1.0:
        raise RerankGuardError(
            f"tolerance={tolerance!r} is not a total variation distance; give a number from 0 to below 1, such as 0.02."
        )


def pair_rows(
    pairs: RowPairs,
    chosen: BoolArray,
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    names: tuple[str, str],
) -> tuple[str, ...]:
    """Of the chosen users, those whose scores moved most."""
    users = np.flatnonzero(chosen)
    worst = users[np.argsort(-pairs.apart[users], kind="stable")][:MAX_EVIDENCE]
    rows = []
    for user in worst.tolist():
        slot = int(pairs.slot[user])
        rows.append(
            f"query {tasks[user].query_id!r}: distance {pairs.apart[user]:.3g}; slot {slot} has {first[user][slot]:.6g} "
            f"{names[0]}, {second[user][slot]:.6g} {names[1]}"
        )
    return tuple(rows)


def _top(row: FloatArray) -> int:
    return int(np.argmax(np.where(np.isnan(row), -np.inf, row)))


def _change(first: FloatArray, second: FloatArray, probabilities: bool) -> tuple[float, float, float, int]:
    """The largest change of a score, the larger range, the largest size, and the slot of the change."""
    if probabilities:
        first, second = np.log(np.maximum(first, _FLOOR)), np.log(np.maximum(second, _FLOOR))
    finite = np.isfinite(first) & np.isfinite(second)
    unlike = ~finite & (first != second) & ~(np.isnan(first) & np.isnan(second))
    spread = max(float(np.ptp(row[finite])) for row in (first, second)) if finite.any() else 0.0
    size = max(float(np.abs(row[finite]).max(initial=0.0)) for row in (first, second))
    if unlike.any():
        return np.inf, spread, size, int(np.flatnonzero(unlike)[0])
    if not finite.any():
        return 0.0, 0.0, 0.0, 0
    difference = np.where(finite, np.where(finite, first, 0.0) - np.where(finite, second, 0.0), 0.0)
    shifted = np.abs(difference - np.median(difference[finite])) * finite
    slot = int(shifted.argmax())
    return float(shifted[slot]), spread, size, slot
