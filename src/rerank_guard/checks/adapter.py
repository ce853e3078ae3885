"""Is the trained adapter in the scores, and is it still there after saving and loading?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._row_pairs import compare_rows, pair_rows, require_tolerance
from rerank_guard.checks._score_shapes import same_for_all
from rerank_guard.checks.explain import probability_rows, total_variation
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["check_adapter_active", "check_survives_reload"]

_SAME = 1e-5
_FEW_USERS = 0.1
_GROSS = 10.0
_MUCH_NEARER = 0.2
_AS_GOOD_AS_EQUAL = 0.5

_INACTIVE = (
    "The adapter does nothing: it is switched off or was never attached to the model that scores, its weights are still "
    "those it started with (B = 0), or the base model was scored instead.",
    "Check that the model that scores is the one that was trained, that the adapter is set active, and that its B matrices "
    "are not zero.",
)
_LOST = (
    "After loading, the scores are those of the present model with its adapter switched off: the adapter's weights were not "
    "saved, or were loaded under other names and so ignored; or the present model has them twice, merged and still on.",
    "Compare the tensors in the saved file with the model's by name, load with strict=True or look at the missing and "
    "unexpected keys; and after merging, score without the adapter.",
)
_DOUBLED = (
    "After loading, the scores are about those of an adapter of twice the strength: it was merged into the base before saving, "
    "and then loaded on top of it again.",
    "Save the adapter and the untouched base, or the merged model and no adapter; never both.",
)
_CHANGED = (
    "After loading, the reranker gives other scores: a part of it was not saved (adapter, embeddings, head, tokenizer, prompt "
    "settings), another checkpoint was read, or the precision or the adapter's scaling differs.",
    "Score one task before and after, and compare in turn the prompt's token ids, the adapter's configuration and each tensor.",
)


def check_adapter_active(
    scores: Sequence[FloatArray],
    without: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    trained: bool = True,
) -> Verdict:
    """The scores with the adapter are not those of the base model.

    Exact: a trained adapter changes the scores of all users, however little. FAILED when for at least half of them the two
    rows of probabilities (see `checks.explain`) are within 1e-5 in total variation and no score moved by more than 1e-5 of
    its size, which is what the order of sums in float32 explains. NOT_APPLICABLE where these scores do not depend on the
    task at all (a constant, the input order, one row for every user): no adapter could change them, and other checks
    name what is wrong.

    Args:
        scores: one array (N_u,) a task, of any scale, with the adapter.
        without: the same, by the base model alone.
        tasks: the tasks, in the same order.
        trained: False where training has moved no weight, so that both should be the same; then NOT_APPLICABLE.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
    """
    pairs = compare_rows(scores, without, tasks, ("scores", "scores without the adapter"))
    same = ~pairs.beyond_order_of_sums(_SAME)
    failed = trained and float(same.mean()) >= 0.5
    claim = f"the adapter changes the scores of {len(tasks)} users"
    measured: dict[str, Measured] = {
        "share_of_users_unchanged": float(same.mean()),
        "mean_distance": float(pairs.apart.mean()),
        "largest_distance": float(pairs.apart.max()),
        "users_with_another_first": int(pairs.top_changed.sum()),
    }
    aside = None
    if not trained:
        aside = "training has moved no weight, so the adapter has nothing to change", "train first"
    elif failed and (same_for_all(scores) or all(bool((row == row[0]).all()) for row in scores)):
        aside = "the scores do not depend on the task, with the adapter or without", "mend the scores first"
    if aside is not None:
        return Verdict(
            check="adapter_active",
            status=Status.NOT_APPLICABLE,
            claim=claim,
            measured=measured,
            threshold={},
            n=len(tasks),
            cause=aside[0],
            next_step=aside[1],
        )
    cause, next_step = _INACTIVE if failed else ("", "")
    return Verdict(
        check="adapter_active",
        status=Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"share_of_users_unchanged": 0.5},
        n=len(tasks),
        evidence=pair_rows(pairs, same, scores, without, tasks, ("with", "without the adapter")) if failed else (),
        cause=cause,
        next_step=next_step,
        fault="adapter-inactive" if failed else None,
    )


def check_survives_reload(
    scores: Sequence[FloatArray],
    reloaded: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    without: Sequence[FloatArray] | None = None,
    tolerance: float = 0.02,
) -> Verdict:
    """Saved and loaded, the reranker gives the same scores, up to the rounding of half precision.

    A user is broken as in `check_batch_invariant`: apart by more than `tolerance`, and by more than rounding explains.
    FAILED when more than a tenth of the users are, or one by ten times the tolerance; also, where `without` is given, when
    the reloaded scores are nearer to those of the base model than a fifth of their distance from the trained ones: a weak
    adapter can be lost within the tolerance.

    Args:
        scores: one array (N_u,) a task, of any scale, before saving.
        reloaded: the same, after loading.
        tasks: the tasks, in the same order.
        without: the same, by the base model alone; None where it is not known. Tells apart why they changed.
        tolerance: total variation distance that is put down to rounding, in [0, 1).

    Returns:
        PASSED, or FAILED with adapter-inactive; the cause says whether the adapter's weights were lost, applied twice, or
        neither. "Twice" is told to first order: scores + (scores - without).

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        RerankGuardError: a tolerance outside [0, 1).
    """
    require_tolerance(tolerance)
    pairs = compare_rows(scores, reloaded, tasks, ("scores", "scores (reloaded)"))
    gross = pairs.gross(min(_GROSS * tolerance, 0.5))
    broken = pairs.beyond_noise(tolerance) | gross
    lost, doubled, from_base = False, False, None
    if without is not None:
        to_base = compare_rows(reloaded, without, tasks, ("scores (reloaded)", "scores without the adapter"))
        from_base = float(to_base.apart.mean())
        moved = pairs.beyond_order_of_sums(_SAME)
        lost = bool(moved.all()) and from_base < _MUCH_NEARER * float(pairs.apart.mean())
        from_twice = _distance_from_twice(scores, reloaded, without)
        doubled = not lost and from_twice < _AS_GOOD_AS_EQUAL * float(pairs.apart.mean())
    failed = lost or bool(gross.any()) or float(broken.mean()) > _FEW_USERS
    shown = broken if broken.any() else np.ones(len(tasks), dtype=np.bool_)
    cause, next_step = (_LOST if lost else _DOUBLED if doubled else _CHANGED) if failed else ("", "")
    measured: dict[str, Measured] = {
        "share_of_users_broken": float(broken.mean()),
        "users_far_apart": int(gross.sum()),
        "mean_distance": float(pairs.apart.mean()),
        "largest_distance": float(pairs.apart.max()),
        "users_with_another_first": int(pairs.top_changed.sum()),
    }
    if from_base is not None:
        measured["mean_distance_from_base"] = from_base
    return Verdict(
        check="survives_reload",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"saved and loaded, the reranker gives the same scores to {len(tasks)} users, up to rounding",
        measured=measured,
        threshold={"share_of_users_broken": _FEW_USERS, "users_far_apart": 0},
        n=len(tasks),
        evidence=pair_rows(pairs, shown, scores, reloaded, tasks, ("before saving", "after loading"))
        if failed
        else (),
        cause=cause,
        next_step=next_step,
        fault="adapter-inactive" if failed else None,
    )


def _distance_from_twice(
    scores: Sequence[FloatArray], reloaded: Sequence[FloatArray], without: Sequence[FloatArray]
) -> float:
    """Mean total variation of the reloaded rows from those of an adapter of twice the strength."""
    after, trained, base = probability_rows(reloaded, scores, without)
    distances = []
    for q, p, p_base in zip(after, trained, base, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            twice = np.nan_to_num(2.0 * np.log(p) - np.log(p_base), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        distances.append(total_variation(q, probability_rows([twice])[0][0]))
    return float(np.mean(distances))
