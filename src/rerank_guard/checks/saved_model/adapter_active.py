"""Is the trained adapter in the scores?"""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.checks.comparing.row_pairs import compare_rows, pair_rows
from rerank_guard.checks.comparing.score_shapes import SAME, same_for_all
from rerank_guard.checks.saved_model._order_of_sums import ORDER_OF_SUMS
from rerank_guard.core.check import check
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE, STALE_CHECKPOINT
from rerank_guard.core.finding import Affected, Finding, Limit, not_applicable, suspect
from rerank_guard.core.setting import NeededShare, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Measured, Status

__all__ = ["adapter_active"]

_INACTIVE = (
    "The adapter does nothing: it is switched off or was never attached to the model that scores, its weights are still "
    "those it started with (B = 0), or the base model was scored instead.",
    "Check that the model that scores is the one that was trained, that the adapter is set active, and that its B matrices "
    "are not zero.",
)


@check(
    stage=Stage.SAVED_MODEL,
    claim="the trained adapter changes the scores",
    can_name=(ADAPTER_INACTIVE,),
    rules_out=(ADAPTER_INACTIVE, STALE_CHECKPOINT),
)
def adapter_active(
    rescored: Sequence[FloatArray],
    adapter_off_scores: Sequence[FloatArray],
    probed_tasks: Sequence[RankingTask],
    *,
    tolerance: Share = ORDER_OF_SUMS,
    max_unchanged: NeededShare = 0.5,
    same_within: Share = SAME,
) -> Finding:
    """The scores with the adapter are not those of the base model.

    Exact: a trained adapter changes the scores of all users, however little. FAILED when for `max_unchanged` of them or more the
    two rows of probabilities (`comparing.probability_rows`) are within `tolerance` in total variation and no score moved by more than
    1e-5 of its size, which is what the order of sums in float32 explains. NOT_APPLICABLE where these scores do not depend
    on the task at all (a constant, the input order, one row for every user): no adapter could change them, and other checks
    name what is wrong. It does not know whether training moved any weight: an adapter without a step fails here too, and
    `only_trainable_weights_updated` says why.

    Args:
        rescored: one array (N_u,) a task, of any scale, with the adapter.
        adapter_off_scores: the same, by the base model alone.
        probed_tasks: the tasks, in the same order.
        tolerance: total variation distance up to which two rows count as the same, in [0, 1).
        max_unchanged: share of the users with the same scores from which on it fails.
        same_within: total variation distance up to which the users' rows count as one row for every user.

    Returns:
        PASSED, NOT_APPLICABLE, or FAILED with adapter-inactive.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    names = ("scores", "scores without the adapter")
    pairs = compare_rows(rescored, adapter_off_scores, probed_tasks, names)
    same = ~pairs.beyond_order_of_sums(tolerance)
    failed = float(same.mean()) >= max_unchanged
    n = len(probed_tasks)
    claim = f"the adapter changes the scores of {n} users"
    measured: dict[str, Measured] = {
        "share_of_users_unchanged": float(same.mean()),
        "mean_distance": float(pairs.apart.mean()),
        "largest_distance": float(pairs.apart.max()),
        "users_with_another_first": int(pairs.top_changed.sum()),
    }
    if failed and _ignore_the_task(rescored, same_within):
        return not_applicable(
            "the scores do not depend on the task, with the adapter or without",
            "fix the scores first",
            claim=claim,
            measured=measured,
            n=n,
        )
    shown = ("with", "without the adapter")
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        limits=(Limit("share_of_users_unchanged", "<", max_unchanged),),
        n=n,
        evidence=pair_rows(pairs, same, rescored, adapter_off_scores, probed_tasks, shown) if failed else (),
        suspects=(suspect(ADAPTER_INACTIVE, *_INACTIVE),) if failed else (),
        affected=Affected(int(same.sum()), n),
    )


def _ignore_the_task(scores: Sequence[FloatArray], same_within: float) -> bool:
    """Whether the users of each N have the same scores, or each user one value for all candidates."""
    return same_for_all(scores, same_within) or all(bool((row == row[0]).all()) for row in scores)
