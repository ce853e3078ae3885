"""Are training histories listed, and training target items chosen, in the order of the test histories?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._shared_histories import SharedHistories, SharedRule, shared_histories
from rerank_guard.checks.data._task_pairs import SameChoice, Split, numbered_alike
from rerank_guard.core.check import check
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import HISTORY_ORDER_DIFFERS, TARGET_NOT_NEWEST
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.setting import Level, NeededCount, NeededShare, Positive, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.stats.bets import log_e_value_below, p_value_of

__all__ = ["training_follows_time"]

_RULE = SameChoice(2, 0.5, 4)
"""Only numbers the items; which tasks belong together is decided by `_shared_histories`."""

_NONE_SHARED = (
    "no training history shares enough items with a test history to compare their order",
    "nothing to do where training and test are of different users",
)


@check(
    stage=Stage.DATA,
    claim="training histories have the order of the test histories, and training target items come after them",
    can_name=(HISTORY_ORDER_DIFFERS, TARGET_NOT_NEWEST),
)
def training_follows_time(
    training_tasks: Sequence[RankingTask],
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-6,
    min_in_order: Share = 0.75,
    min_before_target: Share = 0.35,
    min_items: NeededCount = 4,
    min_share: NeededShare = 0.6,
    times_natural: Positive = 10.0,
) -> Finding:
    """The items that a training history shares with a test history are in the same order, before the training target item.

    A model that was trained on shuffled histories, or to name what was taken first, does something else than what is asked
    of it in the test; its loss falls all the same.

    A training task is of a test task's user where at least `min_items` of its items, and a share of `min_share` of the shorter
    history, are in the test history, whatever the ids. How often users who are alike share as much is measured on the test
    tasks among themselves; training has to match `times_natural` times as often. Compared are neighbours of the training history, and the training target item
    where the test task has it in its history or as its own target item. The training tasks of one test task are one
    observation, of their mean.

    - FAILED: "the mean share of neighbours in order is at least `min_in_order`", or "the mean share of the history before
      its target item is at least `min_before_target`", is rejected at alpha/2 (a bet on a bounded mean, `stats.bets`).
    - NOT_APPLICABLE: no training task is of a test task's user.
    - PASSED: else.

    Random order keeps a half of the neighbours, the reverse none. Ties in time cost a few. Histories list the oldest item
    first; where both splits list the newest first, target items seem to be the oldest.

    Known limit: where test histories are cut to their newest items, an oldest target item that was cut off is not seen.

    Args:
        training_tasks: the tasks that were trained on, at least one.
        tasks: the tasks that are tested on, at least one.
        alpha: how often a healthy training set may be failed.
        min_in_order: least mean share of neighbours in the order of the test history.
        min_before_target: least mean share of the history that was taken before the target item.
        min_items: items that a training history has to share with a test history to be of its user, from 1 on.
        min_share: the same as a share of the shorter history, in (0, 1].
        times_natural: how many times as often training tasks have to match a test task as test tasks match each other.

    Returns:
        As above; history-order-differs or target-not-newest.

    Raises:
        InvalidTaskError: no training or no test tasks.
    """
    require_tasks(training_tasks)
    require_tasks(tasks)
    trained, tested = numbered_alike(TaskTable.of(training_tasks), TaskTable.of(tasks), _RULE)
    found = shared_histories(trained, tested, SharedRule(min_items, min_share, times_natural))
    if found is None or len(found.test) == 0:
        return not_applicable(*_NONE_SHARED)
    log_e = {
        HISTORY_ORDER_DIFFERS: log_e_value_below(found.in_order, min_in_order),
        TARGET_NOT_NEWEST: log_e_value_below(found.before_target, min_before_target),
    }
    wrong = [fault for fault, evidence in log_e.items() if evidence >= math.log(2.0 / alpha)]
    return Finding(
        Status.FAILED if wrong else Status.PASSED,
        measured={
            "share_of_neighbours_in_order": float(found.in_order.mean()),
            "share_before_target": float(found.before_target.mean()) if len(found.before_target) else None,
            "test_tasks_with_training_target": len(found.before_target),
        },
        limits=(
            Limit("share_of_neighbours_in_order", ">=", min_in_order),
            Limit("share_before_target", ">=", min_before_target),
        ),
        n=len(found.test),
        evidence=_evidence(wrong, found, trained, tested),
        suspects=tuple(suspect(fault, statistical=True) for fault in wrong),
        p_failed=min(1.0, 2.0 * p_value_of(max(log_e.values()))),
    )


def _evidence(wrong: Sequence[Fault], found: SharedHistories, trained: Split, tested: Split) -> tuple[str, ...]:
    """Training tasks with the test tasks of their users."""
    if not wrong:
        return ()
    low: IntArray = (found.in_order if HISTORY_ORDER_DIFFERS in wrong else -found.in_order).argsort(kind="stable")
    rows = []
    for at in low[:MAX_EVIDENCE].tolist():
        one, other = trained.table[int(found.training[at])], tested.table[int(found.test[at])]
        items, expected = ([item.item_id for item in task.history[-6:]] for task in (one, other))
        rows.append(
            f"training query {one.query_id!r}: target item {one.target_id!r} after {items}; test query "
            f"{other.query_id!r}: {expected}"
        )
    return tuple(rows)
