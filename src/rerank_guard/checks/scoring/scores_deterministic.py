"""Are the same tasks scored the same way twice?"""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.checks.comparing.row_pairs import compare_rows, pair_rows
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import NONDETERMINISTIC
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status

__all__ = ["scores_deterministic"]

_CAUSE = (
    "Something random takes part in scoring: dropout is on (the model is in training mode), candidates are shuffled or "
    "sampled, or the answer is sampled rather than read from the logits."
)


@check(
    stage=Stage.SCORING,
    claim="the same tasks scored twice have the same scores",
    can_name=(NONDETERMINISTIC,),
    rules_out=(NONDETERMINISTIC,),
    looks_like=NONDETERMINISTIC,
)
def scores_deterministic(
    rescored: Sequence[FloatArray],
    rescored_twice: Sequence[FloatArray],
    probed_tasks: Sequence[RankingTask],
    *,
    tolerance: Share = 1e-5,
    max_differing: Count = 0,
) -> Finding:
    """The same tasks, scored twice by the same call, have the same scores.

    Scores that change from run to run make every other figure one draw of many, and no run can be repeated.

    Exact but for the order of sums: a task differs when the two rows of probabilities (see `comparing.probability_rows`)
    are further apart than `tolerance` in total variation, or when a score changed by more than a thousandth of its row's
    range and 1e-5 of its size (scores on a steep or a tiny scale have probabilities that hide changes). Both runs must have
    made the same batches: other batches are what `batch_invariant` looks at, whose tolerance allows for half precision.

    Args:
        rescored: one array (N_u,) a task, of any scale.
        rescored_twice: the same, of the second run.
        probed_tasks: the tasks, in the same order.
        tolerance: largest total variation distance that passes, in [0, 1).
        max_differing: how many tasks may differ.

    Returns:
        PASSED, or FAILED with nondeterministic when more than `max_differing` tasks differ.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    names = ("scores (rescored)", "scores (rescored twice)")
    pairs = compare_rows(rescored, rescored_twice, probed_tasks, names)
    differs = pairs.beyond_order_of_sums(tolerance)
    n_differ = int(differs.sum())
    failed = n_differ > max_differing
    apart = Limit("largest_distance", "<=", tolerance)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(probed_tasks)} tasks has the same scores when scored again",
        measured={
            "users_that_differ": n_differ,
            "largest_distance": float(pairs.apart.max()),
            "mean_distance": float(pairs.apart.mean()),
            "users_with_another_first": int((pairs.top_changed & differs).sum()),
        },
        # where some may differ, the largest distance is theirs and decides nothing
        limits=(Limit("users_that_differ", "<=", max_differing), *(() if max_differing else (apart,))),
        compared_with={apart.figure: tolerance} if max_differing else {},
        n=len(probed_tasks),
        evidence=pair_rows(pairs, differs, rescored, rescored_twice, probed_tasks, ("first", "the second time")),
        suspects=(suspect(NONDETERMINISTIC, _CAUSE),) if failed else (),
        affected=Affected(n_differ, len(probed_tasks)),
    )
