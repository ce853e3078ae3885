"""Does a task have the same scores alone as among others?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks.comparing.position_rows import position_rows
from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.checks.comparing.row_pairs import FAR_CAP, FAR_FACTOR, compare_rows, pair_rows
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import BATCH_DEPENDENT, ROWS_MISALIGNED, SILENT_FALLBACK
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Count, Positive, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import BoolArray, FloatArray, RankingTask
from rerank_guard.core.verdict import Status

__all__ = ["batch_invariant"]

_SAME_ROW = 1e-4
"""Of a row's range: what the order of sums changes."""

_MOSTLY = 0.8

_LENGTHS_DIFFER = 0.05

_CAUSE = (
    "The other prompts of the batch reach a task's score: padding on the side where the logits are read, position ids that "
    "count the padding, an attention mask that is missing, packed prompts that see each other, or a cache that is shared."
)
_EXCHANGED = (
    "The scores are right, but they are given to the wrong tasks: alone, a task gets just the row that another task gets among "
    "others. Tasks were sorted or batched for speed, and the scores were not put back in order."
)
_FILLED_IN = (
    "Alone or among others, these tasks have scores that follow the listed position alone, bit by bit the same values in "
    "several tasks: they are filled in where the model gave none, as by 1/(60 + rank)."
)


@check(
    stage=Stage.SCORING,
    claim="a task scored alone has the scores that it has among others",
    can_name=(BATCH_DEPENDENT, ROWS_MISALIGNED, SILENT_FALLBACK),
    rules_out=(BATCH_DEPENDENT,),
    looks_like=BATCH_DEPENDENT,
)
def batch_invariant(
    probed_scores: Sequence[FloatArray],
    scored_alone: Sequence[FloatArray],
    probed_tasks: Sequence[RankingTask],
    scores: Sequence[FloatArray] | None = None,
    *,
    tolerance: Share = 0.02,
    max_share: Share = 0.1,
    far_factor: Positive = FAR_FACTOR,
    far_cap: Share = FAR_CAP,
    max_far: Count = 0,
) -> Finding:
    """A task has the same scores alone as among others.

    A score that depends on the rest of the batch depends on the batch size and on the order of the users, and mixes one
    user's prompt into another's ranking.

    Half precision rounds otherwise in another batch, so a task counts as broken only when its rows of probabilities are
    apart by more than `tolerance` in total variation *and* a score moved by more than such rounding explains: 0.5 nats and
    a tenth of the row's range, or half of the range of a row flatter than that. FAILED when more than `max_share` of the
    tasks are broken, or more than `max_far` by `far_factor` times the tolerance: a padding fault may reach only the shortest
    prompts. Exact, without statistics.

    `text_of_broken` and `text_of_others` are the mean lengths in characters of the tasks' texts: shorter ones that are
    broken point at padding.

    Args:
        probed_scores: one array (N_u,) a task, of any scale, scored in batches.
        scored_alone: the same, one task a call.
        probed_tasks: the tasks, in the same order.
        scores: what all tasks of that batch run got, these among them; tells a row given to another task from one that
            was changed. None: every difference counts as a change.
        tolerance: total variation distance that is put down to rounding, in [0, 1).
        max_share: largest share of broken tasks that passes, in [0, 1).
        far_factor: times the tolerance from which on a task is far apart.
        far_cap: the largest distance that this can be.
        max_far: how many tasks may be far apart.

    Returns:
        PASSED, or FAILED with batch-dependent; with rows-misaligned where at least 80 % of the broken tasks have, alone,
        the row of another task.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    pairs = compare_rows(probed_scores, scored_alone, probed_tasks, ("scores (in batches)", "scores (alone)"))
    gross = pairs.gross(min(far_factor * tolerance, far_cap))
    broken = pairs.beyond_noise(tolerance) | gross
    failed = int(gross.sum()) > max_far or float(broken.mean()) > max_share
    lengths = np.array([_characters(task) for task in probed_tasks], dtype=np.float64)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(probed_tasks)} tasks has the same scores alone as among others, up to rounding",
        measured={
            "share_of_users_broken": float(broken.mean()),
            "users_far_apart": int(gross.sum()),
            "mean_distance": float(pairs.apart.mean()),
            "largest_distance": float(pairs.apart.max()),
            "users_with_another_first": int(pairs.top_changed.sum()),
            "text_of_broken": _mean(lengths[broken]),
            "text_of_others": _mean(lengths[~broken]),
        },
        limits=(Limit("share_of_users_broken", "<=", max_share), Limit("users_far_apart", "<=", max_far)),
        n=len(probed_tasks),
        evidence=pair_rows(pairs, broken, probed_scores, scored_alone, probed_tasks, ("among others", "alone"))
        if failed
        else (),
        suspects=(_fault(probed_scores, scored_alone, broken, scores, lengths),) if failed else (),
        affected=Affected(int(broken.sum()), len(probed_tasks)),
    )


def _fault(
    among: Sequence[FloatArray],
    alone: Sequence[FloatArray],
    broken: BoolArray,
    scores: Sequence[FloatArray] | None,
    lengths: FloatArray,
) -> Suspected:
    made = position_rows(ragged([*among, *alone]), max_rows=1)
    if np.isin(np.flatnonzero(broken), made % len(broken)).mean() >= _MOSTLY:
        return suspect(SILENT_FALLBACK, _FILLED_IN)
    if scores is not None and _share_of_other_tasks(alone, broken, scores) >= _MOSTLY:
        return suspect(ROWS_MISALIGNED, _EXCHANGED)
    return suspect(BATCH_DEPENDENT, _CAUSE + _which_lengths(lengths, broken))


def _share_of_other_tasks(alone: Sequence[FloatArray], broken: BoolArray, scores: Sequence[FloatArray]) -> float:
    """Share of the broken tasks whose row alone is, number for number, what another task got among others."""
    asked = [np.asarray(alone[task], dtype=np.float64) for task in np.flatnonzero(broken).tolist()]
    found = [False] * len(asked)
    given = ragged([row for row in scores if np.ndim(row) == 1 and len(row)])
    for _, matrix in given.matrices():
        for place, row in enumerate(asked):
            if not found[place] and len(row) == matrix.shape[1]:
                found[place] = _holds(matrix, row)
    return sum(found) / max(1, len(found))


def _holds(matrix: FloatArray, row: FloatArray) -> bool:
    """Whether some row of (r, N) scores is this one, which is not constant."""
    spread = float(np.ptp(row))
    with np.errstate(invalid="ignore"):  # infinite scores, which equal nothing
        return spread > 0.0 and bool((np.abs(matrix - row).max(axis=1) <= _SAME_ROW * spread).any())


def _characters(task: RankingTask) -> int:
    return sum(len(item.text) for item in (*task.history, *task.candidates))


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _which_lengths(lengths: FloatArray, broken: BoolArray) -> str:
    """Whether the broken tasks are the shorter or the longer ones, if there are both and they differ by 5 %."""
    inside, outside = _mean(lengths[broken]), _mean(lengths[~broken])
    if inside is None or outside is None or abs(inside - outside) <= _LENGTHS_DIFFER * max(inside, outside):
        return ""
    kind, points_at = ("shorter", "padding") if inside < outside else ("longer", "truncation or packing")
    return (
        f" The texts of the broken tasks are {kind} ({inside:.0f} characters against {outside:.0f}): {points_at}."
    )
