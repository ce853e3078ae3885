"""Is the target item at every position equally often?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._position_skew import (
    expected_at,
    in_first_half,
    largest_skew,
    least_share_shown,
    log_e_beyond_skill,
    log_e_uneven,
)
from rerank_guard.core.check import Variant, check
from rerank_guard.core.faults.data import TARGET_POSITION_SKEW
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.listed import falls_by_first_stage, target_listing
from rerank_guard.core.row_equality import distinct_tasks
from rerank_guard.core.setting import Level, NeededShare, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray, RankingTask
from rerank_guard.core.verdict import Measured, Status
from rerank_guard.stats.bets import p_value_of

__all__ = ["target_positions_uniform"]

_CAUSE = (
    "The target item was put at a place of its own (inserted first, appended last, added to a list before the cut) and the "
    "candidates were not shuffled afterwards, or the shuffle leaves a part of the list in place. A model that only "
    "prefers a letter then looks like one that ranks."
)
_NO_TARGET = (
    "no task lists its target item beside another candidate, so there is no position to look at",
    "see gt_in_candidates: put the target item among the candidates",
)
_FIRST_STAGE = (
    "The candidates are listed in the order of the first stage's scores, so early target items show its skill.",
    "Compare the reranker with the first stage's order; or shuffle the candidates, so that the letter says nothing.",
)


@check(
    stage=Stage.DATA,
    claim="the positions of the target items are uniform over the lists",
    can_name=(TARGET_POSITION_SKEW,),
    rules_out=(TARGET_POSITION_SKEW,),
    variants={
        "training_target_positions_uniform": Variant(
            {"tasks": "training_tasks"}, "the positions of the training target items are uniform over the lists"
        )
    },
)
def target_positions_uniform(
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-6,
    effect: Share = 0.01,
    most_first: Share = 0.9,
    min_in_order: NeededShare = 0.9,
) -> Finding:
    """The target item's position is uniform over the candidates.

    Where it is not, a model that prefers a letter looks like one that ranks, and a training job learns the letter.

    The null hypothesis is "the position is uniform given N". Evidence against it is the average of four e-values (any
    uneven use of the positions; early or late ones; both ends or the middle; one of the first or last 4), and so an e-value
    itself; see `_position_skew` for their sources.

    - FAILED: the e-value reaches 1/alpha, and the largest skew measured is above `effect`: the excess over uniform of one
      position's share, counted from the start or from the end, or of one half's. A healthy list is failed with
      probability at most alpha, whatever the number of users, the N and the look (Ville 1939).
    - PASSED: it was not shown to be uneven. That is no proof of uniformity. `least_share_moved_shown` says how large a share
      of the target items, moved to one position, these users would show on average. At N=50 and alpha=1e-6 nine of ten runs
      are failed from 13 % of the target items moved to position 0 on at 200 users, 8 % at 500, and 3 % at 3,200.
    - NOT_APPLICABLE: no target item is listed; or the candidates of a share of `min_in_order` of the tasks
      are listed by falling `first_stage_scores`, so that early target items are the first stage's skill. Such lists fail only where the target
      item comes late, comes last too often, or is first in more than `most_first` of the tasks.

    Positions are those at which `target_id` is listed, whatever `target_index` says. A list with its target item counts once,
    under however many query ids it is given: it was drawn once. Users whose target item is not listed, or is the only candidate, are left out.

    Args:
        tasks: the tasks to judge, at least one; training and test tasks separately.
        alpha: how often a healthy list may be failed, in (0, 0.5).
        effect: least excess share that counts, in [0, 1); a skew of a tenth of a percent, shown on millions of tasks,
            does no harm.
        most_first: largest share of tasks in which a first stage is believed to list the target item first, in [0, 1).
        min_in_order: share of tasks listed by falling first-stage scores from which on the list is the first stage's, in
            (0, 1].

    Returns:
        PASSED, FAILED with target-position-skew, or NOT_APPLICABLE.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    table = _judged(TaskTable.of(tasks))
    positions, lengths, n = target_listing(table).position, table.n_candidates, len(table)
    claim = f"the target item is at every position equally often, over {n} users"
    if n == 0:
        return not_applicable(*_NO_TARGET, claim=claim)
    by_first_stage = float(falls_by_first_stage(table).mean()) >= min_in_order
    if by_first_stage:
        log_e = log_e_beyond_skill(positions, lengths, most_first)
    else:
        log_e = log_e_uneven(positions, lengths)
    skew = largest_skew(positions, lengths)
    measured: dict[str, Measured] = {
        "log10_e_value": log_e / math.log(10.0),
        "largest_excess_share": skew.excess,
        "share_there": skew.share,
        "where": skew.where,
        "share_in_first_half": float(in_first_half(positions, lengths).mean()),
        "least_share_moved_shown": least_share_shown(n, round(float(lengths.mean())), alpha),
    }
    failed = log_e >= math.log(1.0 / alpha) and skew.excess > effect
    if by_first_stage and not failed:
        return not_applicable(*_FIRST_STAGE, claim=claim, measured=measured, n=n)
    needed = Limit("log10_e_value", "<", -math.log10(alpha))
    tolerated = Limit("largest_excess_share", "<=", effect)
    # A failure needs both: what is within its effect passes by that, and anything else by the evidence.
    decisive, other = (needed, tolerated) if skew.excess > effect else (tolerated, needed)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        limits=(decisive,),
        compared_with={other.figure: other.value},
        n=n,
        evidence=_rows(table, positions, lengths) if failed else (),
        suspects=(suspect(TARGET_POSITION_SKEW, _CAUSE, statistical=True),) if failed else (),
        p_failed=p_value_of(log_e),
    )


def _judged(table: TaskTable) -> TaskTable:
    """The tasks without repeated lists, which are no new draws, and without those that show no position."""
    shows_one = (target_listing(table).times > 0) & (table.n_candidates > 1)
    kept = distinct_tasks(table)
    kept = kept[shows_one[kept]]
    return table if len(kept) == len(table) else table.take(kept)


def _rows(table: TaskTable, positions: IntArray, lengths: IntArray) -> tuple[str, ...]:
    counts, by_chance = np.bincount(positions), expected_at(lengths)
    top = np.argsort(-(counts - by_chance[: len(counts)]), kind="stable")[:3].tolist()
    quarters = np.bincount((4 * positions // lengths), minlength=4) / len(positions)
    rows = [f"position {j}: {counts[j]} target items, {by_chance[j]:.1f} expected" for j in top]
    rows.append("share of target items by quarter of the list: " + ", ".join(f"{share:.1%}" for share in quarters))
    shown = np.flatnonzero(positions == top[0])[:5].tolist()
    rows.append(f"at position {top[0]}: " + ", ".join(f"query {table.query_ids[user]!r}" for user in shown))
    return tuple(rows)
