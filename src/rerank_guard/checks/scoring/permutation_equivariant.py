"""With the candidates listed in another order, do the scores go with the items or stay with the positions?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.finding import Finding, Limit, suspect
from rerank_guard.core.permuted import Permuted
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Status
from rerank_guard.metrics import as_score_rows
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence

__all__ = ["permutation_equivariant"]

_CAUSE = (
    "When the candidates change places, the scores stay with the positions: the model prefers letters or places, and the item "
    "that is there matters less. The candidates may not reach it (truncation, wrong logit position), or the target item's "
    "position was skewed in training."
)


@check(
    stage=Stage.SCORING,
    claim="with the candidates listed in another order the scores go with the items, not with the positions",
    can_name=(POSITION_PRIOR,),
    looks_like=POSITION_PRIOR,
)
def permutation_equivariant(permuted: Permuted, *, alpha: Level = 1e-6, max_excess: Share = 0.0) -> Finding:
    """Reordering the candidates leaves the items' scores more alike than the positions' scores.

    No language model is exactly equivariant. For each task two correlations (Pearson) between the letter probabilities
    before and after are taken: by item, r_item, and by position, r_position; a constant row has 0. Probabilities, not
    ranks: at the bottom of a list, where nothing is to be preferred, a healthy reranker may well go by position. An
    equivariant reranker has r_item = 1 and r_position around 0, one that ranks by position the other way round, one that
    ranks at random 0 for both.

    FAILED when "the mean of r_item - r_position is at least -max_excess" is rejected at alpha by a bet on the bounded mean
    (`stats.bets`): positions then matter more than items. A task whose order is unchanged has a difference of 0. Repeats of
    a task in the same order count once.

    Args:
        permuted: the tasks with their scores, of any scale, in two orders of the candidates.
        alpha: how often a reranker for which items matter as much as positions may be failed; inside (0, 0.5).
        max_excess: the excess of the positions' correlation over the items' that is still accepted, in [0, 1).

    Returns:
        PASSED, which says only that positions were not shown to matter more than items; or FAILED with position-prior.

    Raises:
        InvalidTaskError: no tasks, or an order that is no permutation of the task's positions.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: alpha or max_excess out of range.
    """
    require_tasks(permuted.tasks)
    seen = _correlate(permuted)
    difference = seen.by_item - seen.by_position
    halved = np.clip((difference + 2.0) / 4.0, 0.0, 1.0)
    log_e = log_e_value_below(halved, (2.0 - max_excess) / 4.0)
    failed = log_e >= math.log(1.0 / alpha)  # the bets win only where the mean is below the null's
    level = 1.0 - 2.0 * alpha
    low, high = mean_confidence_sequence(halved, level)
    worst = np.argsort(difference, kind="stable")[:MAX_EVIDENCE].tolist()
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"with the candidates of {len(difference)} tasks reordered, scores go with the items more than with the positions",
        measured={
            "item_minus_position": float(difference.mean()),
            "correlation_by_item": float(seen.by_item.mean()),
            "correlation_by_position": float(seen.by_position.mean()),
            "log10_e_value": log_e / math.log(10.0),
        },
        limits=(Limit("log10_e_value", "<", -math.log10(alpha)),),
        compared_with={"item_minus_position": 0.0 - max_excess},
        n=len(difference),
        interval=Interval(4.0 * low - 2.0, 4.0 * high - 2.0, level, "confidence sequence"),
        evidence=tuple(_row(seen, place) for place in worst) if failed else (),
        suspects=(suspect(POSITION_PRIOR, _CAUSE, statistical=True),) if failed else (),
        p_failed=p_value_of(log_e),
    )


@dataclass(frozen=True, slots=True)
class _Correlated:
    """Of the distinct tasks: what was scored, and its correlations; see `permutation_equivariant`."""

    tasks: Sequence[RankingTask]
    orders: Sequence[IntArray]
    before: Sequence[FloatArray]
    after: Sequence[FloatArray]
    by_item: FloatArray
    by_position: FloatArray


def _correlate(permuted: Permuted) -> _Correlated:
    lengths = [task.n_candidates for task in permuted.tasks]
    before = as_score_rows(permuted.before, lengths)
    after = as_score_rows(permuted.after, lengths, what="scores (candidates reordered)")
    orders = _checked(permuted)
    repeats = {
        (task.query_id, task.candidate_ids, tuple(order.tolist())): number
        for number, (task, order) in enumerate(zip(permuted.tasks, orders, strict=True))
    }
    kept = sorted(repeats.values())
    return _Correlated(
        tasks=[permuted.tasks[number] for number in kept],
        orders=[orders[number] for number in kept],
        before=[before[number] for number in kept],
        after=[after[number] for number in kept],
        by_item=np.array([_correlation(before[number][orders[number]], after[number]) for number in kept]),
        by_position=np.array([_correlation(before[number], after[number]) for number in kept]),
    )


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of the letter probabilities; 0 for a row that is constant or not finite."""
    if not np.isfinite(first).all() or not np.isfinite(second).all():
        return 0.0
    a, b = letter_probabilities(first), letter_probabilities(second)
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:  # less their mean they would be rounding errors, which correlate too
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return max(-1.0, min(1.0, float(a @ b) / size)) if size > 0.0 else 0.0


def _row(seen: _Correlated, place: int) -> str:
    task, order = seen.tasks[place], seen.orders[place]
    first, now = int(np.argmax(seen.before[place])), int(np.argmax(seen.after[place]))
    return (
        f"query {task.query_id!r}: first was position {first} ({task.candidates[first].text[:40]!r}), now position {now} "
        f"({task.candidates[int(order[now])].text[:40]!r}); correlation {seen.by_item[place]:.2f} by item, "
        f"{seen.by_position[place]:.2f} by position"
    )


def _checked(permuted: Permuted) -> list[IntArray]:
    """The orders as int64.

    Raises:
        InvalidScoresError: another number of orders than tasks.
        InvalidTaskError: an order that is no permutation.
    """
    tasks = permuted.tasks
    if len(permuted.orders) != len(tasks):
        raise InvalidScoresError(
            f"{len(permuted.orders)} orders for {len(tasks)} tasks; give one permutation a task."
        )
    orders = [np.asarray(order, dtype=np.int64).reshape(-1) for order in permuted.orders]
    for task, order in zip(tasks, orders, strict=True):
        if not np.array_equal(np.sort(order), np.arange(task.n_candidates)):
            raise InvalidTaskError(
                f"query {task.query_id!r}: {order.tolist()!r:.120} is no order of its {task.n_candidates} positions; give "
                "each old position once."
            )
    return orders
