"""How much of what the adapter does to the scores is there after loading: the same direction, by another factor, or another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.probability_rows import probability_rows
from rerank_guard.core.types import FloatArray

__all__ = ["KeptChange", "kept_change"]

_Rows = Sequence[FloatArray]

_ALONG = 0.5
"""Largest relative residual of a change that goes the adapter's way: logits are linear in its strength to first order only."""

_NOTHING = 0.02
"""Factor up to which nothing of the change is left, where the residual is no larger."""

_LITTLE = 0.1
"""Factor up to which nothing of it is left where the residual is larger."""

_TWICE = (1.5, 2.6)
"""Factors that an adapter of twice the strength may have in a model that is not linear."""

_SAME = (0.9, 1.1)


@dataclass(frozen=True, slots=True)
class KeptChange:
    """The least-squares fit of (loaded - base) = factor * (before - base), over log-probabilities centred in each row.

    Attributes:
        factor: 0 where nothing of the change is left, 1 where it is as it was.
        residual: what the fit leaves, as a share of the larger of both changes (root of the sum of squares).
    """

    factor: float
    residual: float

    @property
    def is_lost(self) -> bool:
        """Whether the loaded scores are the base's."""
        return abs(self.factor) <= max(_NOTHING, min(self.residual, _LITTLE)) and not self.goes_elsewhere

    @property
    def is_doubled(self) -> bool:
        """Whether they fit an adapter of twice the strength."""
        return not self.goes_elsewhere and _TWICE[0] <= self.factor <= _TWICE[1]

    @property
    def is_scaled(self) -> bool:
        """Whether they fit an adapter of another strength."""
        other = not (self.is_lost or self.is_doubled or _SAME[0] <= self.factor <= _SAME[1])
        return other and not self.goes_elsewhere and self.factor > 0.0

    @property
    def goes_elsewhere(self) -> bool:
        """Whether they changed in a way that the adapter does not."""
        return self.residual > _ALONG


def kept_change(before: _Rows, after: _Rows, base: _Rows) -> KeptChange | None:
    """The fit over all users; None where the adapter changes nothing, or no row is finite.

    Args:
        before: one array (N_u,) a task, of any scale, before saving.
        after: the same, after loading.
        base: the same, without the adapter.
    """
    trained, loaded, plain = (np.concatenate(_centred(rows)) for rows in probability_rows(before, after, base))
    change, now = trained - plain, loaded - plain
    known = np.isfinite(change) & np.isfinite(now)
    change, now = change[known], now[known]
    length = float(change @ change)
    if length == 0.0:
        return None
    factor = float(change @ now) / length
    left = now - factor * change
    return KeptChange(factor, float(np.sqrt((left @ left) / max(length, float(now @ now)))))


def _centred(rows: _Rows) -> list[FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(row) for row in rows]
        return [row - row.mean() for row in logs]
