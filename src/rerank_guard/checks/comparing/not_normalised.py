"""Probabilities that do not sum to 1 over a task's candidates, and what they look like instead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import every, ragged, row_sum
from rerank_guard.core.faults.scoring import PROBABILITIES_NOT_NORMALISED
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import FloatArray
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows

__all__ = ["not_normalised"]

_TOLERANCE = 1e-2
"""How far a sum may be from 1; as in `metrics.as_probability_matrix`, which then divides by it."""


def not_normalised(probabilities: Sequence[FloatArray], lengths: Sequence[int]) -> Finding | None:
    """The finding on values in [0, 1] of which some task's do not sum to 1 within 0.01; None where all do.

    Values that are no probabilities at all (negative, above 1, not finite) are left to `metrics.as_probability_matrix`.

    Args:
        probabilities: one array (N_u,) a task.
        lengths: N_u.

    Raises:
        InvalidScoresError: another number of rows, or another length of a row.
    """
    rows = ragged(as_score_rows(probabilities, lengths, what="probabilities"))
    with np.errstate(invalid="ignore"):
        inside = (rows.values >= 0.0) & (rows.values <= 1.0 + _TOLERANCE)
    if len(rows) == 0 or 0 in rows.lengths or not every(Ragged(inside, rows.offsets)).all():
        return None
    sums = np.asarray(row_sum(rows), dtype=np.float64)
    off = np.flatnonzero(np.abs(sums - 1.0) > _TOLERANCE)
    if len(off) == 0:
        return None
    return Finding(
        Status.FAILED,
        measured={
            "users_off_a_sum_of_1": len(off),
            "smallest_sum": float(sums.min()),
            "largest_sum": float(sums.max()),
        },
        limits=(Limit("users_off_a_sum_of_1", "<=", 0),),
        n=len(rows),
        evidence=tuple(f"task row {row}: the probabilities sum to {sums[row]:.6g}" for row in off[:MAX_EVIDENCE]),
        suspects=(suspect(PROBABILITIES_NOT_NORMALISED, _cause(sums[off])),),
        affected=Affected(len(off), len(rows)),
    )


def _cause(sums: FloatArray) -> str:
    seen = f"They sum to {sums.min():.3g} to {sums.max():.3g}, not to 1"
    if bool((sums < 1.0).all()):
        return (
            f"{seen}: as from a softmax over the whole vocabulary, which leaves a part to tokens that are no candidate's "
            "answer."
        )
    if bool((sums > 1.0).all()):
        return f"{seen}: as where each candidate has a probability of its own, such as a sigmoid."
    return f"{seen}: they are not made by one softmax over the candidates of a task."
