"""Is a target item found as often in one part of the list as in another?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._at_cutoff import left_out_at, restricted
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.checks.scoring._position_contrasts import QUARTERS, Contrast, Contrasts, Hits, hits_by_position
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.finding import Finding, not_applicable, suspect
from rerank_guard.core.setting import FixedLevel, Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Measured, Status
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.two_means import difference_sequence

__all__ = ["recall_uniform_by_position"]

_SPENT = 4.0
"""Nats that the mixtures over bets and comparisons cost at the start, about; more users cost no more."""

_CAUSE = (
    "Target items in one part of the list are found far more often than in another, though they are spread evenly: the model "
    "prefers positions or letters, or does not see a part of the list (truncation, a window of attention, letters without a "
    "token of their own)."
)
_FIX = (
    "Look at the recall by quarter: a part at 0 is not seen, a slope is a preference. Check the prompt's length and the "
    "letters of that part; shuffle the candidates in training, or average the scores over several orders."
)
_UNEVEN = (
    "the target items are not listed, not spread evenly over the positions, or in the first stage's order, so a difference "
    "between its parts may be theirs and not the model's",
    "see target_positions_uniform: shuffle the candidates",
)
_TOO_FEW = (
    "with so few users a part of the list that is never found, or a difference as large as it is here, could not be told from "
    "chance",
    "judge on more users",
)
_NOT_BOTH = ("the target items of these tasks are all in one part of the list", "give more tasks")


@check(
    stage=Stage.SCORING,
    per="cutoff",
    claim="Recall@K does not depend on where in the list the target item is",
    can_name=(POSITION_PRIOR,),
    looks_like=POSITION_PRIOR,
)
def recall_uniform_by_position(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    *,
    alpha: Level = 1e-6,
    alpha_doubtful: FixedLevel = 1e-3,
    alpha_parts: FixedLevel = 0.01,
    effect: Share = 0.25,
) -> Finding:
    """Recall@K of target items in one part of the list is that of the rest, within `effect`.

    A part of the list that does not reach the model, or that it does not prefer, is invisible in an average.

    Compared are the first half with the second, the outer quarters with the middle half ("lost in the middle": Liu et al.
    2024), each quarter with the rest, and each single position with all others (a letter without a token of its own). Each
    comparison is a bet against "the recalls differ by at most `effect`" (`stats.two_means`); their average, in which the
    large parts and the single positions weigh the same, is one e-value for all.

    - FAILED: that e-value reaches 1/alpha. No healthy reranker is failed with a probability above alpha, whatever the number
      of comparisons and of looks (Ville 1939).
    - INCONCLUSIVE: two large parts differ by more than `effect`, and equal recalls show as much in a share of at most
      `alpha_parts` of the sets of so many users (a normal approximation, times the number of such comparisons); or a single position does and
      "all recalls are equal" is rejected at `alpha_doubtful`; without a proof that it is more than `effect`.
    - NOT_APPLICABLE: there are so few users that nothing could be shown, or that equal recalls often differ as much.
    - PASSED: else; no such difference was shown.

    Hits are expected over ties, so constant scores have the same recall everywhere. Target items at the middle position of
    an odd list are in no half, and lists of fewer than 4 in no quarter. Tasks whose target item is not listed are left out. A list that
    is given under several query ids counts once, with its mean hit.

    Args:
        scores: one array (N_u,) a task, higher is better; finite.
        tasks: the tasks, in the same order.
        k: cutoff, below the largest N; users with at most K candidates are left out.
        alpha: how often a reranker whose recalls differ by at most `effect` may be failed; inside (0, 0.5). It also decides
            whether the positions are uneven.
        alpha_doubtful: level at which a single position that differs from the others is no pass.
        alpha_parts: the same of a half or a quarter; above it the difference is left to chance.
        effect: largest difference in recall that is accepted, in [0, 1).

    Returns:
        As above; NOT_APPLICABLE also where the target items' positions are uneven or the candidates are in the first
        stage's order (early target items are then easier), or all in one part. A failure names position-prior.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        VacuousMetricError: K at or above every N.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    whole = table
    table, scores, kept_at_k = restricted(k, whole, scores)
    claim = f"Recall@{k} depends on the target item's position by at most {effect:g}"
    found = hits_by_position(scores, table, k)
    by_quarter = {f"recall_in_quarter_{q + 1}": found.recall_in(q) for q in range(QUARTERS)}
    nothing: dict[str, Measured] = {"largest_difference": 0.0, **by_quarter}
    if target_positions_uniform.measure(table, alpha=alpha).status is not Status.PASSED:
        return not_applicable(*_UNEVEN, claim=claim, measured=nothing, n=len(found.hits))
    contrasts = Contrasts.of(found)
    if not contrasts.parts:
        return not_applicable(*_NOT_BOTH, claim=claim, measured=nothing, n=len(found.hits))
    worst, log_e = contrasts.widest(effect), contrasts.log_e(effect)
    status = _status(contrasts, _Levels(alpha, alpha_doubtful, alpha_parts), effect)
    if status is Status.NOT_APPLICABLE:
        return not_applicable(*_TOO_FEW, claim=claim, measured=nothing, n=len(found.hits))
    failed = status is Status.FAILED
    if status is Status.INCONCLUSIVE and abs(worst.difference) <= effect:
        worst = contrasts.widest(0.0)
    cause, next_step = (
        _undecided(contrasts, worst, len(found.hits), alpha, effect) if status is Status.INCONCLUSIVE else ("", "")
    )
    return Finding(
        status,
        claim=claim,
        measured={
            "largest_difference": worst.difference,
            **by_quarter,
            "between": worst.between,
            **left_out_at(whole, kept_at_k),
        },
        compared_with={"largest_difference": effect},
        n=len(found.hits),
        interval=Interval(
            *difference_sequence(worst.first, worst.second, 1.0 - alpha), 1.0 - alpha, "confidence sequence"
        ),
        evidence=_evidence(table, found, worst) if failed else (),
        suspects=(suspect(POSITION_PRIOR, _CAUSE, _FIX, statistical=True),) if failed else (),
        cause=cause,
        next_step=next_step,
        p_failed=p_value_of(log_e),
    )


@dataclass(frozen=True, slots=True)
class _Levels:
    """Of a failure, and of a doubt about a single position and about a part of the list."""

    failed: float
    position: float
    part: float


def _status(contrasts: Contrasts, levels: _Levels, effect: float) -> Status:
    needed = math.log(1.0 / levels.failed)
    if contrasts.log_e(effect) >= needed:
        return Status.FAILED
    part = max(contrasts.parts, key=lambda each: abs(each.difference))
    can_decide = contrasts.log_e_at_most(effect) >= needed
    if abs(part.difference) > effect:
        is_chance = contrasts.p_if_equal(effect) > levels.part
        return Status.NOT_APPLICABLE if is_chance else Status.INCONCLUSIVE
    if abs(contrasts.widest(0.0).difference) > effect and contrasts.log_e(0.0) >= math.log(1.0 / levels.position):
        return Status.INCONCLUSIVE
    return Status.PASSED if can_decide else Status.NOT_APPLICABLE


def _undecided(contrasts: Contrasts, worst: Contrast, n: int, alpha: float, effect: float) -> tuple[str, str]:
    """Cause and next step where a difference is beyond the effect, and not proven."""
    cause = (
        f"Recall differs by {worst.difference:+.3f} ({worst.between}), which is not decided on {n} users: it may be chance, or "
        f"{POSITION_PRIOR}."
    )
    log_e = contrasts.log_e(effect)
    if not log_e > 0.0:
        return cause, "Judge on several times as many users."
    enough = math.ceil(n * (math.log(1.0 / alpha) + _SPENT) / (log_e + _SPENT))
    return cause, f"About {max(enough, n + 1)} users at these rates would decide (now {n})."


def _evidence(table: TaskTable, found: Hits, worst: Contrast) -> tuple[str, ...]:
    """Recall by quarter, and some tasks whose target item is missed where it is missed most."""
    recalls = {q: recall for q in range(QUARTERS) if (recall := found.recall_in(q)) is not None}
    shown = ", ".join(
        f"{q + 1}: {recall:.3f} ({int((found.quarter == q).sum())} tasks)" for q, recall in recalls.items()
    )
    low = min(recalls, key=lambda q: recalls[q])
    inside = found.quarter == low if worst.position is None else found.position == worst.position
    missed = np.flatnonzero(inside & (found.hits < 0.5))[: MAX_EVIDENCE - 1].tolist()
    rows = [
        f"query {table.query_ids[int(found.tasks[i])]!r}: target item at position {found.position[i]} of "
        f"{found.n_candidates[i]} is missed"
        for i in missed
    ]
    return (f"recall by quarter of the list: {shown}", *rows)
