"""How high Recall@K can be where users have several relevant candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.faults.data import SURVIVORSHIP
from rerank_guard.core.faults.quality import METRIC_WRONG
from rerank_guard.core.finding import Finding, Limit, Suspected, suspect
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import recall_ceiling_at_k

__all__ = ["within_recall_ceiling"]

_METRIC_WRONG = suspect(
    METRIC_WRONG,
    "No ranking reaches this Recall@K, so what was reported is another metric: the hit rate (any relevant candidate "
    "found), or hits over min(K, m) in place of m. A figure above 1 is a percentage or a sum.",
    "Recompute it as the number of relevant candidates in the top K over m, all relevant candidates of the user, and call "
    "the other metric by its name (hit_rate_at_k is not recall_at_k).",
)
_SURVIVORSHIP = suspect(
    SURVIVORSHIP,
    "Over the users with a relevant candidate the figure is possible, over all users it is not: those without one were "
    "left out of the mean.",
    "Count users without a relevant candidate as 0, or report their number beside the figure.",
)


def within_recall_ceiling(
    n_relevant: Sequence[int] | IntArray, k: int, reported_recall: float, *, tolerance: float = 1e-9
) -> Finding:
    """A reported mean Recall@K is one that a ranking can have, given how many candidates are relevant.

    Of m relevant candidates at most K are in the top K, so a user's Recall@K is at most min(K, m)/m, and a perfect ranker
    falls short of 1 by the mean of what is missing: with 50 relevant candidates a Recall@20 of 0.4 is perfect. The finding
    shows the reported figure as a share of that ceiling. Exact: no statistics.

    Args:
        n_relevant: (U,) m of each user, from 0. A user without a relevant candidate counts as 0, which is Recall@K's
            convention here (end to end).
        k: cutoff, at least 1.
        reported_recall: the mean Recall@K over these users, as it was reported.
        tolerance: how far above the ceiling rounding may bring it, in [0, 0.01]; half a unit of the last digit shown.

    Returns:
        FAILED where the figure is above the ceiling: with metric-wrong, or with survivorship where it would be possible
        over the users with a relevant candidate alone. NOT_APPLICABLE where the ceiling is 1, which says nothing about
        any figure up to 1. Else PASSED, with the share of the ceiling that was reached.

    Raises:
        InvalidTaskError: no users, a count that is negative or no whole number, no user with a relevant candidate, a
            recall that is not a finite number from 0, or a tolerance outside [0, 0.01].
        VacuousMetricError: k below 1.
    """
    counts = np.asarray(n_relevant)
    if counts.ndim != 1 or len(counts) == 0:
        raise InvalidTaskError(
            f"n_relevant has the shape {counts.shape}; give one count of relevant candidates for each user."
        )
    ceilings = recall_ceiling_at_k(counts, k)
    if not counts.any():
        raise InvalidTaskError(
            f"none of {len(counts)} users has a relevant candidate; there is no recall to speak of. Check where "
            "relevance is read."
        )
    _require_figures(reported_recall, tolerance)
    ceiling, of_users_with_relevant = float(ceilings.mean()), float(ceilings[counts > 0].mean())
    suspects: tuple[Suspected, ...] = ()
    if reported_recall > ceiling + tolerance:
        status = Status.FAILED
        suspects = (_SURVIVORSHIP if reported_recall <= of_users_with_relevant + tolerance else _METRIC_WRONG,)
    else:
        status = Status.NOT_APPLICABLE if ceiling == 1.0 else Status.PASSED
    return Finding(
        status,
        claim=(
            f"the reported Recall@{k} of {reported_recall:.4g} is not above {ceiling:.4g}, the best that any ranking of "
            f"these {len(counts)} users can have"
        ),
        measured={
            "reported_recall": float(reported_recall),
            "share_of_ceiling": float(reported_recall) / ceiling,
            "perfect_ranker_falls_short_by": 1.0 - ceiling,
            "ceiling_of_users_with_target": of_users_with_relevant,
            "users_with_more_than_k_targets": int((counts > k).sum()),
            "users_without_target": int((counts == 0).sum()),
        },
        limits=(Limit("reported_recall", "<=", ceiling + tolerance),),
        compared_with={"ceiling": ceiling, "tolerance": tolerance},
        n=len(counts),
        evidence=_rows(counts, ceilings, k),
        suspects=suspects,
        cause=f"no user has more than {k} relevant candidates, so every Recall@{k} up to 1 is possible"
        if status is Status.NOT_APPLICABLE
        else "",
    )


def _require_figures(reported_recall: float, tolerance: float) -> None:
    if not (math.isfinite(reported_recall) and reported_recall >= 0.0):
        raise InvalidTaskError(f"reported_recall={reported_recall!r} is not a recall; give a number from 0 to 1.")
    if not 0.0 <= tolerance <= 0.01:
        raise InvalidTaskError(
            f"tolerance={tolerance!r} is not one of rounding; give half a unit of the last digit, such as 0.00005."
        )


def _rows(counts: IntArray, ceilings: FloatArray, k: int) -> tuple[str, ...]:
    """The numbers of relevant candidates that cost most, summed over their users."""
    values, first, users = np.unique(counts, return_index=True, return_counts=True)
    best = ceilings[first]
    lost = users * (1.0 - best)
    worst = [int(at) for at in np.argsort(-lost, kind="stable")[:MAX_EVIDENCE] if lost[at] > 0]
    return tuple(
        f"{int(values[at])} relevant candidates: {int(users[at])} users, Recall@{k} at most {best[at]:.4g}"
        for at in worst
    )
