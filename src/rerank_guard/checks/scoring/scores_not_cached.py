"""Does score() read the list that it is given, or give what it gave for this user before?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.aligned import require_same_length
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import SCORES_CACHED
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.relisted import Relisted
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows

__all__ = ["scores_not_cached"]

_NEARER = 0.5
"""Two computations of one list differ by rounding, or by dropout that was left on; two lists differ by more."""


@check(
    stage=Stage.SCORING,
    claim="score() gives another list of the same user scores of its own",
    can_name=(SCORES_CACHED,),
    rules_out=(SCORES_CACHED,),
)
def scores_not_cached(
    probed_scores: Sequence[FloatArray],
    relisted_scores: Relisted,
    probed_tasks: Sequence[RankingTask],
    *,
    tolerance: Share = 1e-5,
    max_cached: Count = 0,
) -> Finding:
    """Another list under a query_id that was scored before gets the scores of that list, not those kept for the user.

    Scores kept by user id are right as long as nothing changes. Then they hide every change: two runs agree because one
    was never made, and a batch of one agrees with a batch of many for the same reason.

    The list is the task's own with its last candidate moved to the front, scored under the task's query_id and under a
    new one; the task's own list is scored under a new id as well. A task is cached where three things hold:

    - the row under the old id is bit by bit the one that the task had before;
    - under a new id the same list gets another row, by more than `tolerance` of the row's range;
    - that old row is the scores of the old list: the task's own list under a new id comes at least twice as near to it as to
      the other list's scores, in mean absolute difference.

    A row that is filled in for some users (zeros, a constant, one row for several tasks) comes again under the old id too,
    but is not what its list gets under a new one: constant rows, and rows that several of these tasks share, are no evidence of
    a cache. Nor are scores that follow the position alone or are drawn at random; other checks name those. Exact; one task fails,
    unless some are tolerated. No statistics, so no level.

    Known limits: a cache that forgets after a while, or that keeps scores by item, is not seen, nor one of a reranker whose
    scores depend on the query_id itself. Not applicable to a
    reranker whose score() refuses lists that are not in tasks().

    Args:
        probed_scores: one array (N_u,) a task, among the scores of all.
        relisted_scores: of the first of those tasks with two candidates or more, listed in another order.
        probed_tasks: the tasks of `probed_scores`, in the same order.
        tolerance: smallest difference of two rows that counts, as a share of their range, in [0, 1).
        max_cached: how many tasks may be cached.

    Returns:
        PASSED, or FAILED with scores-cached.

    Raises:
        InvalidTaskError: no task with two candidates, or rows that do not belong together.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    chosen, cached = _cached(probed_scores, relisted_scores, probed_tasks, tolerance)
    failed = len(cached) > max_cached
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {chosen} users has other scores for another list{all_but(max_cached)}",
        measured={"cached_users": len(cached)},
        limits=(Limit("cached_users", "<=", max_cached),),
        n=chosen,
        evidence=tuple(
            f"query {query_id!r}: another list has bit by bit the scores of the first; under a new id it has others"
            for query_id in cached[:MAX_EVIDENCE]
        )
        if failed
        else (),
        suspects=(suspect(SCORES_CACHED),) if failed else (),
        affected=Affected(len(cached), chosen),
    )


def _cached(
    probed_scores: Sequence[FloatArray], relisted: Relisted, probed_tasks: Sequence[RankingTask], tolerance: float
) -> tuple[int, list[str]]:
    """How many tasks were listed otherwise, and the ids of those whose old scores came again."""
    rows = as_score_rows(probed_scores, [task.n_candidates for task in probed_tasks])
    longer = [pair for pair in zip(probed_tasks, rows, strict=True) if pair[0].n_candidates > 1]
    same_id, new_id, own_list = relisted.same_id, relisted.new_id, relisted.own_list
    require_same_length(same_id, new_id, ("rows under the same id", "rows under a new id"))
    require_same_length(same_id, own_list, ("rows under the same id", "rows of the own lists under a new id"))
    chosen = longer[: len(same_id)]
    require_tasks([task for task, _ in chosen])
    lengths = [task.n_candidates for task, _ in chosen]
    again = zip(*(as_score_rows(given, lengths) for given in (same_id, new_id, own_list)), strict=True)
    users_of_row = Counter(row for row, _ in {(row.tobytes(), task.query_id) for task, row in longer})
    cached = [
        task.query_id
        for (task, before), (same, new, own) in zip(chosen, again, strict=True)
        if users_of_row[before.tobytes()] == 1 and _is_kept(before, same, new, own, tolerance)
    ]
    return len(chosen), cached


def _is_kept(
    before: FloatArray, same_id: FloatArray, new_id: FloatArray, own_list: FloatArray, tolerance: float
) -> bool:
    """Whether another list gets the row before, which is what the task's own list gets and the other one does not."""
    if not np.array_equal(before, same_id):  # nor is a row with NaN equal to itself: scores_well_formed names it
        return False
    spread = np.ptp(same_id[np.isfinite(same_id)]) if np.isfinite(same_id).any() else 0.0
    if spread == 0.0 or np.nanmax(_apart(same_id, new_id), initial=0.0) <= tolerance * spread:
        return False
    to_before, to_other = float(np.nansum(_apart(own_list, before))), float(np.nansum(_apart(own_list, new_id)))
    return to_before <= _NEARER * to_other


def _apart(one: FloatArray, other: FloatArray) -> FloatArray:
    """(N,) absolute differences; equal scores of -inf are not apart."""
    with np.errstate(invalid="ignore"):
        return np.where(one == other, 0.0, np.abs(one - other))
