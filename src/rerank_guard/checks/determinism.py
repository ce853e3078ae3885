"""Are the same tasks scored the same way twice, and alone as among others?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._row_pairs import compare_rows, pair_rows, require_tolerance
from rerank_guard.types import BoolArray, FloatArray, RankingTask
from rerank_guard.verdict import Status, Verdict

__all__ = ["check_batch_invariant", "check_scores_deterministic"]

_FEW_USERS = 0.1
_GROSS = 10.0

_RANDOM = (
    "Something random takes part in scoring: dropout is on (the model is in training mode), candidates are shuffled or "
    "sampled, or the answer is sampled rather than read from the logits.",
    "Call model.eval() before scoring, read logits instead of generating, and seed or remove every shuffle on the way.",
)
_BATCH = (
    "The other prompts of the batch reach a task's score: padding on the side where the logits are read, position ids that "
    "count the padding, an attention mask that is missing, packed prompts that see each other, or a cache that is shared.",
    "Pad on the left and make the position ids from the attention mask, or read the logits at each prompt's own last token; "
    "with packed prompts switch the cache off (use_cache=False).",
)

_EXCHANGED = (
    "The scores are right, but they are handed to the wrong tasks: alone, a task gets just the row that another task gets among "
    "others. Tasks were sorted or batched for speed, and the scores were not put back in order.",
    "Keep each row with its query_id, and undo every sort (by length, say) before the scores are returned.",
)
_SAME_ROW = 1e-4
"""Of a row's range: what the order of sums changes."""

_MOSTLY = 0.8


def check_scores_deterministic(
    first: Sequence[FloatArray],
    again: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    tolerance: float = 1e-5,
) -> Verdict:
    """The same tasks, scored twice by the same call, have the same scores.

    Exact but for the order of sums: a user differs when the two rows of probabilities (see `checks.explain`) are further
    apart than `tolerance` in total variation, or when a score changed by more than a thousandth of its row's range and 1e-5
    of its size (scores on a steep or a tiny scale have probabilities that hide changes). Both runs must have made the same
    batches: other batches are the business of `check_batch_invariant`, whose tolerance allows for half precision.

    Args:
        first: one array (N_u,) a task, of any scale.
        again: the same, of the second run.
        tasks: the tasks, in the same order.
        tolerance: largest total variation distance that passes, in [0, 1).

    Returns:
        PASSED, or FAILED with nondeterministic when any user differs.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        RerankGuardError: a tolerance outside [0, 1).
    """
    require_tolerance(tolerance)
    pairs = compare_rows(first, again, tasks, ("scores (first)", "scores (again)"))
    differs = pairs.beyond_order_of_sums(tolerance)
    broken = int(differs.sum())
    cause, next_step = _RANDOM if broken else ("", "")
    return Verdict(
        check="scores_deterministic",
        status=Status.FAILED if broken else Status.PASSED,
        claim=f"each of {len(tasks)} users has the same scores when scored again",
        measured={
            "users_that_differ": broken,
            "largest_distance": float(pairs.apart.max()),
            "mean_distance": float(pairs.apart.mean()),
            "users_with_another_first": int((pairs.top_changed & differs).sum()),
        },
        threshold={"users_that_differ": 0, "largest_distance": tolerance},
        n=len(tasks),
        evidence=pair_rows(pairs, differs, first, again, tasks, ("then", "again")),
        cause=cause,
        next_step=next_step,
        fault="nondeterministic" if broken else None,
    )


def check_batch_invariant(
    together: Sequence[FloatArray],
    alone: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    tolerance: float = 0.02,
    all_rows: Sequence[FloatArray] | None = None,
) -> Verdict:
    """A task has the same scores alone as among others.

    Half precision rounds otherwise in another batch, so a user counts as broken only when its rows of probabilities are
    apart by more than `tolerance` in total variation *and* a score moved by more than such rounding explains: 0.5 nats and
    a tenth of the row's range, or half of the range of a row flatter than that. FAILED when more than a tenth of the users
    are broken, or one by ten times the tolerance: a padding fault may reach only the shortest prompts.

    Args:
        together: one array (N_u,) a task, of any scale, scored in batches.
        alone: the same, one task a call.
        tasks: the tasks, in the same order.
        tolerance: total variation distance that is put down to rounding, in [0, 1).
        all_rows: what all tasks of that batch run got, these among them; tells a row handed to another user from one that
            was changed.

    Returns:
        PASSED, or FAILED with batch-dependent; with rows-misaligned where the rows are right, but those of other tasks. `text_of_broken` and `text_of_others` are the mean lengths in characters of
        the tasks' texts: shorter ones that are broken speak for padding.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        RerankGuardError: a tolerance outside [0, 1).
    """
    require_tolerance(tolerance)
    pairs = compare_rows(together, alone, tasks, ("scores (together)", "scores (alone)"))
    gross = pairs.gross(min(_GROSS * tolerance, 0.5))
    broken = pairs.beyond_noise(tolerance) | gross
    failed = bool(gross.any()) or float(broken.mean()) > _FEW_USERS
    exchanged = failed and all_rows is not None and _of_other_users(alone, broken, all_rows) >= _MOSTLY
    lengths = np.array([_characters(task) for task in tasks], dtype=np.float64)
    cause, next_step = (_EXCHANGED if exchanged else _BATCH) if failed else ("", "")
    if failed and not exchanged:
        cause += _which_lengths(lengths, broken)
    return Verdict(
        check="batch_invariant",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(tasks)} users has the same scores alone as among others, up to rounding",
        measured={
            "share_of_users_broken": float(broken.mean()),
            "users_far_apart": int(gross.sum()),
            "mean_distance": float(pairs.apart.mean()),
            "largest_distance": float(pairs.apart.max()),
            "users_with_another_first": int(pairs.top_changed.sum()),
            "text_of_broken": float(lengths[broken].mean()) if broken.any() else None,
            "text_of_others": float(lengths[~broken].mean()) if not broken.all() else None,
        },
        threshold={"share_of_users_broken": _FEW_USERS, "users_far_apart": 0},
        n=len(tasks),
        evidence=pair_rows(pairs, broken, together, alone, tasks, ("together", "alone")) if failed else (),
        cause=cause,
        next_step=next_step,
        fault=("rows-misaligned" if exchanged else "batch-dependent") if failed else None,
    )


def _of_other_users(alone: Sequence[FloatArray], broken: BoolArray, all_rows: Sequence[FloatArray]) -> float:
    """Share of the broken users whose row alone is, number for number, what another task got among others."""
    found = 0
    for user in np.flatnonzero(broken).tolist():
        row = np.asarray(alone[user], dtype=np.float64)
        spread = float(np.ptp(row))
        found += spread > 0.0 and any(
            len(other) == len(row) and float(np.abs(other - row).max()) <= _SAME_ROW * spread for other in all_rows
        )
    return found / max(1, int(broken.sum()))


def _characters(task: RankingTask) -> int:
    return sum(len(item.text) for item in (*task.history, *task.candidates))


def _which_lengths(lengths: FloatArray, broken: BoolArray) -> str:
    """Whether the broken users are the shorter or the longer ones, if there are both and they differ by 5 %."""
    if broken.all() or not broken.any():
        return ""
    inside, outside = float(lengths[broken].mean()), float(lengths[~broken].mean())
    if abs(inside - outside) <= 0.05 * max(inside, outside):
        return ""
    kind, speaks_for = ("shorter", "padding") if inside < outside else ("longer", "truncation or packing")
    return f" The texts of the users concerned are {kind} ({inside:.0f} characters against {outside:.0f}): {speaks_for}."
