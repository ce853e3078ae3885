"""Is a target found as often in one part of the list as in another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_settings, require_tasks, true_slots
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.metrics import expected_hit_at_k, require_informative_cutoff
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Interval, Measured, Status, Verdict

__all__ = ["check_recall_even_by_slot"]

_EXPLANATION = (
    "Targets in one part of the list are found far more often than in another, though they are spread evenly: the model "
    "prefers slots or letters, or does not see a part of the list (truncation, a window of attention, letters without a "
    "token of their own).",
    "Look at the recall by quarter: a part at 0 is not seen, a slope is a preference. Check the prompt's length and the "
    "letters of that part; shuffle the candidates in training, or average the scores over several orders.",
)
_UNEVEN = (
    "the targets are not listed, not spread evenly over the slots, or in the retriever's order, so a difference between "
    "its parts may be theirs and not the model's",
    "see target_slots_even: shuffle the candidates",
)
_NOT_BOTH = ("the targets of these users are all in one part of the list", "give more users")


def check_recall_even_by_slot(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    k: int,
    alpha: float = 1e-6,
    effect: float = 0.25,
) -> Verdict:
    """Recall@K of targets in one part of the list is that of the rest, within `effect`.

    Two comparisons: the first half against the second, and the outer quarters against the middle half ("lost in the
    middle": Liu et al. 2024). Each takes the two groups' confidence sequences (`stats.confidence`), at a level that lets all
    four cover together but for a share alpha. FAILED when the intervals of one comparison lie further apart than `effect`:
    then the recalls do, whatever the moment one looks.

    Hits are expected over ties, so constant scores have the same recall everywhere. Targets at the middle slot of an odd
    list are in no half. Users whose target is not listed are left out.

    Args:
        scores: one array (N_u,) a task, higher is better; finite.
        tasks: the tasks, in the same order.
        k: cutoff, below the smallest N.
        alpha: how often a reranker whose recalls differ by at most `effect` may be failed.
        effect: largest difference in recall that is accepted, in [0, 1).

    Returns:
        PASSED, which says only that no such difference was shown; NOT_APPLICABLE where the targets' slots are uneven or the
        candidates stand in the retriever's order (early targets are then easier), or all in one part; or FAILED with
        position-prior.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        VacuousMetricError: K at or above the smallest N.
        RerankGuardError: alpha or effect out of range.
    """
    require_settings(alpha, effect)
    require_tasks(tasks)
    require_informative_cutoff(k, [task.n_candidates for task in tasks])
    check, claim = f"recall_even_by_slot[K={k}]", f"Recall@{k} depends on the target's slot by at most {effect:g}"
    slots = true_slots(tasks)
    every_hit = expected_hit_at_k(scores, slots, k)
    listed = np.array([slot is not None for slot in slots])
    hits = every_hit[listed]
    place = np.array(
        [(slot + 0.5) / task.n_candidates for slot, task in zip(slots, tasks, strict=True) if slot is not None]
    )
    measured: dict[str, Measured] = {"largest_difference": 0.0}
    quarter = np.minimum((4.0 * place).astype(np.int64), 3)
    for q in range(4):
        inside = quarter == q
        measured[f"recall_in_quarter_{q + 1}"] = float(hits[inside].mean()) if inside.any() else None
    if check_target_slots_even(tasks).status is not Status.PASSED:
        return _not_applicable(check, claim, measured, len(hits), _UNEVEN)
    outer = (quarter == 0) | (quarter == 3)
    quartered = np.array([task.n_candidates >= 4 for task in tasks])[listed]
    parts = {
        "the first half against the second": (place < 0.5, place > 0.5),
        "the outer quarters against the middle": (outer & quartered, ~outer & quartered),
    }
    compared = {
        name: _difference(hits[one], hits[other], alpha / 4.0)
        for name, (one, other) in parts.items()
        if one.any() and other.any()
    }
    if not compared:
        return _not_applicable(check, claim, measured, len(hits), _NOT_BOTH)
    name = max(compared, key=lambda key: (compared[key].proven, abs(compared[key].mean)))
    worst = compared[name]
    measured["largest_difference"] = worst.mean
    measured["between"] = name
    failed = worst.proven > effect
    cause, next_step = _EXPLANATION if failed else ("", "")
    return Verdict(
        check=check,
        status=Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"largest_difference": effect},
        n=len(hits),
        interval=Interval(worst.low, worst.high, 1.0 - alpha, "two confidence sequences"),
        evidence=_rows(tasks, slots, every_hit, quarter) if failed else (),
        cause=cause,
        next_step=next_step,
        fault="position-prior" if failed else None,
    )


@dataclass(frozen=True, slots=True)
class _Difference:
    """Of two recalls: the figure, and its interval."""

    mean: float
    low: float
    high: float

    @property
    def proven(self) -> float:
        """How large it is at least, whatever its sign; at or below 0 where 0 is in the interval."""
        return max(self.low, -self.high)


def _difference(first: FloatArray, second: FloatArray, alpha: float) -> _Difference:
    """Each group's confidence sequence leaves alpha outside."""
    low, high = mean_confidence_sequence(first, 1.0 - alpha)
    low_too, high_too = mean_confidence_sequence(second, 1.0 - alpha)
    return _Difference(float(first.mean() - second.mean()), low - high_too, high - low_too)


def _rows(
    tasks: Sequence[RankingTask], slots: Sequence[int | None], every_hit: FloatArray, quarter: IntArray
) -> tuple[str, ...]:
    """Recall by quarter, and some users whose target is missed where it is missed most."""
    slot_of = [(user, slot) for user, slot in enumerate(slots) if slot is not None]
    hits = every_hit[[user for user, _ in slot_of]]
    recalls = {q: float(hits[quarter == q].mean()) for q in range(4) if (quarter == q).any()}
    shown = ", ".join(f"{q + 1}: {recall:.3f} ({int((quarter == q).sum())} users)" for q, recall in recalls.items())
    low = min(recalls, key=lambda q: recalls[q])
    missed = [slot_of[i] for i in np.flatnonzero((quarter == low) & (hits < 0.5)).tolist()][: MAX_EVIDENCE - 1]
    users = [
        f"query {tasks[user].query_id!r}: target at slot {slot} of {tasks[user].n_candidates} is missed"
        for user, slot in missed
    ]
    return (f"recall by quarter of the list: {shown}", *users)


def _not_applicable(check: str, claim: str, measured: dict[str, Measured], n: int, why: tuple[str, str]) -> Verdict:
    return Verdict(
        check=check,
        status=Status.NOT_APPLICABLE,
        claim=claim,
        measured=measured,
        threshold={},
        n=n,
        cause=why[0],
        next_step=why[1],
    )
