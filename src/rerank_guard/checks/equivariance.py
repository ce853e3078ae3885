"""With the candidates listed in another order, do the scores go with the items or stay with the slots?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_settings, require_tasks
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.metrics import as_score_rows
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Interval, Measured, Status, Verdict

__all__ = ["check_permutation_equivariant"]

_CAUSE = (
    "When the candidates change places, the scores stay with the slots: the model prefers letters or places, and what stands "
    "there matters less. The candidates may not reach it (truncation, wrong position), or the target's slot was skewed in "
    "training."
)
_NEXT_STEP = (
    "Check that the prompt holds all candidates and that the target's slot is uniform in training; then train longer. If some "
    "preference stays, average the scores over several orders of the list."
)


def check_permutation_equivariant(
    scores: Sequence[FloatArray],
    permuted: Sequence[FloatArray],
    orders: Sequence[IntArray],
    tasks: Sequence[RankingTask],
    *,
    alpha: float = 1e-6,
    most: float = 0.0,
) -> Verdict:
    """Reordering the candidates leaves the items' scores more alike than the slots' scores.

    No language model is exactly equivariant. For each user two correlations (Pearson) between the letter probabilities
    before and after are taken: by item, r_item, and by slot, r_slot; a constant row has 0. Probabilities, not ranks: at
    the bottom of a list, where nothing is to be preferred, a sound reranker may well go by slot. An equivariant reranker
    has r_item = 1 and r_slot around 0, one that ranks by slot the other way round, one that ranks at random 0 for both.

    FAILED when "the mean of r_item - r_slot is at least -most" is rejected at alpha by a bet on the bounded mean
    (`stats.bets`): slots then matter more than items. A user whose order is unchanged has a difference of 0. Repeats of a
    task in the same order count once.

    Args:
        scores: one array (N_u,) a task, as its candidates are listed there; any scale.
        permuted: the same tasks' scores with the candidates listed otherwise: slot j holds the candidate of the old slot
            orders[u][j].
        orders: one permutation of 0..N_u - 1 a task, int.
        tasks: the tasks, in the same order.
        alpha: how often a reranker for which items matter as much as slots may be failed.
        most: the excess of the slots' correlation over the items' that is still accepted, in [0, 1).

    Returns:
        PASSED, which says only that slots were not shown to matter more than items; or FAILED with position-prior.

    Raises:
        InvalidTaskError: no tasks, or an order that is no permutation of the task's slots.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        RerankGuardError: alpha or most out of range.
    """
    require_settings(alpha)
    if not 0.0 <= most < 1.0:
        raise RerankGuardError(
            f"most={most!r} is not a difference of correlations; give a number from 0 to below 1."
        )
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    before = as_score_rows(scores, lengths)
    after = as_score_rows(permuted, lengths, what="scores (candidates reordered)")
    placed = _checked(orders, tasks)
    repeats = {
        (t.query_id, t.candidate_ids, tuple(order.tolist())): user
        for user, (t, order) in enumerate(zip(tasks, placed, strict=True))
    }
    users = np.array(sorted(repeats.values()), dtype=np.int64)
    by_item = np.array([_correlation(before[u][placed[u]], after[u]) for u in users.tolist()])
    by_slot = np.array([_correlation(before[u], after[u]) for u in users.tolist()])
    difference = by_item - by_slot
    halved = np.clip((difference + 2.0) / 4.0, 0.0, 1.0)
    null = (2.0 - most) / 4.0
    log_e = log_e_value_below(halved, null)
    failed = log_e >= math.log(1.0 / alpha) and float(difference.mean()) < -most
    level = 1.0 - 2.0 * alpha
    low, high = mean_confidence_sequence(halved, level)
    measured: dict[str, Measured] = {
        "item_minus_slot": float(difference.mean()),
        "correlation_by_item": float(by_item.mean()),
        "correlation_by_slot": float(by_slot.mean()),
        "log10_e_value": log_e / math.log(10.0),
    }
    worst = np.argsort(difference, kind="stable")[:MAX_EVIDENCE].tolist()
    return Verdict(
        check="permutation_equivariant",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"with the candidates of {len(users)} users reordered, scores go with the items more than with the slots",
        measured=measured,
        threshold={"item_minus_slot": -most, "log10_e_value": -math.log10(alpha)},
        n=len(users),
        interval=Interval(4.0 * low - 2.0, 4.0 * high - 2.0, level, "confidence sequence"),
        evidence=tuple(
            _row(tasks[users[i]], before[users[i]], after[users[i]], placed[users[i]], by_item[i], by_slot[i])
            for i in worst
        )
        if failed
        else (),
        cause=_CAUSE if failed else "",
        next_step=_NEXT_STEP if failed else "",
        fault="position-prior" if failed else None,
        p_failed=p_value_of(log_e),
    )


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of the letter probabilities; 0 for a row that is constant or not finite."""
    if not np.isfinite(first).all() or not np.isfinite(second).all():
        return 0.0
    a, b = letter_probabilities(first), letter_probabilities(second)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return max(-1.0, min(1.0, float(a @ b) / size)) if size > 0.0 else 0.0


def _row(
    task: RankingTask, before: FloatArray, after: FloatArray, order: IntArray, by_item: float, by_slot: float
) -> str:
    slot, later = int(np.argmax(before)), int(np.argmax(after))
    return (
        f"query {task.query_id!r}: first was slot {slot} ({task.candidates[slot].text[:40]!r}), now slot {later} "
        f"({task.candidates[int(order[later])].text[:40]!r}); correlation {by_item:.2f} by item, {by_slot:.2f} by slot"
    )


def _checked(orders: Sequence[IntArray], tasks: Sequence[RankingTask]) -> list[IntArray]:
    if len(orders) != len(tasks):
        raise InvalidScoresError(f"{len(orders)} orders for {len(tasks)} tasks; give one permutation a task.")
    placed = [np.asarray(order, dtype=np.int64).reshape(-1) for order in orders]
    for task, order in zip(tasks, placed, strict=True):
        if not np.array_equal(np.sort(order), np.arange(task.n_candidates)):
            raise InvalidTaskError(
                f"query {task.query_id!r}: {order.tolist()!r:.120} is no order of its {task.n_candidates} slots; give each "
                "old slot once."
            )
    return placed
