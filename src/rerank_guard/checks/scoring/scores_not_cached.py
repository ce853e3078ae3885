"""Does score() read the list that it is given, or give what it gave for this user before?"""

from __future__ import annotations

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
    new one. A task is cached where the two differ by more than `tolerance` of the row's range, and the row under the old
    id is bit by bit the one that the task had before. So scores that are constant, that follow the position alone, or
    that are drawn at random are no cache (other checks name those). Exact; one task fails, unless some are tolerated. No
    statistics, so no level.

    Known limits: a cache that forgets after a while, or that keeps scores by item, is not seen. Not applicable to a
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
    rows = as_score_rows(probed_scores, [task.n_candidates for task in probed_tasks])
    longer = [pair for pair in zip(probed_tasks, rows, strict=True) if pair[0].n_candidates > 1]
    same_id, new_id = relisted_scores.same_id, relisted_scores.new_id
    require_same_length(same_id, new_id, ("rows under the same id", "rows under a new id"))
    chosen = longer[: len(same_id)]
    require_tasks([task for task, _ in chosen])
    lengths = [task.n_candidates for task, _ in chosen]
    again = zip(chosen, as_score_rows(same_id, lengths), as_score_rows(new_id, lengths), strict=True)
    cached = [task.query_id for (task, before), same, new in again if _is_kept(before, same, new, tolerance)]
    failed = len(cached) > max_cached
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(chosen)} users has other scores for another list{all_but(max_cached)}",
        measured={"cached_users": len(cached)},
        limits=(Limit("cached_users", "<=", max_cached),),
        n=len(chosen),
        evidence=tuple(
            f"query {query_id!r}: another list has bit by bit the scores of the first; under a new id it has others"
            for query_id in cached[:MAX_EVIDENCE]
        )
        if failed
        else (),
        suspects=(suspect(SCORES_CACHED),) if failed else (),
        affected=Affected(len(cached), len(chosen)),
    )


def _is_kept(before: FloatArray, same_id: FloatArray, new_id: FloatArray, tolerance: float) -> bool:
    if not np.array_equal(before, same_id):  # nor is a row with NaN equal to itself: scores_well_formed names it
        return False
    with np.errstate(invalid="ignore"):  # scores of -inf
        apart = np.where(same_id == new_id, 0.0, np.abs(same_id - new_id))
        spread = np.ptp(same_id[np.isfinite(same_id)]) if np.isfinite(same_id).any() else 0.0
    return bool(np.nanmax(apart, initial=0.0) > tolerance * spread)
