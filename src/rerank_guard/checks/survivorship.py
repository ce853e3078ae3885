"""Does the figure speak for all users, or for those whom the pipeline could serve?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks, true_slots
from rerank_guard.errors import InvalidTaskError
from rerank_guard.metrics import as_score_matrix, expected_hit_at_k, require_informative_cutoff
from rerank_guard.population import Population
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["MOST_LEFT_OUT", "check_users_accounted_for"]

MOST_LEFT_OUT = 0.05
"""Largest share of the population that may be left out for reasons that depend on the target."""


def check_users_accounted_for(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    population: Population,
    k: int,
    most_left_out: float = MOST_LEFT_OUT,
) -> Verdict:
    """No user is left out in silence, and few are left out because of their target.

    Three figures are shown, which are one where nobody is lost: Recall@K over the users whose target is listed
    (conditional), over all tasks (end to end), and over the whole population, where everybody left out is a miss,
    whatever the reason. Ties count in expectation. Exact: no statistics.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order; one a user (or query) of the population.
        population: whom the evaluation speaks for.
        k: cutoff, below the smallest N.
        most_left_out: largest share of the population that may be left out for reasons that depend on the target, in
            [0, 1].

    Returns:
        FAILED with survivorship where tasks and declared reasons do not add up to the population, or where more than
        `most_left_out` of it is left out for reasons that depend on the target; NOT_APPLICABLE where a query_id has several
        tasks; else PASSED.

    Raises:
        InvalidTaskError: no tasks, no population, or most_left_out out of range.
        VacuousMetricError: k at or above the smallest N, or below 1.
        InvalidScoresError: malformed scores.
    """
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    require_informative_cutoff(k, lengths)
    if several := _several_tasks(tasks):
        return _aside(k, *several, len(tasks))
    if not 0.0 <= most_left_out <= 1.0:
        raise InvalidTaskError(f"most_left_out={most_left_out!r} is not a share; give a number from 0 to 1.")
    if population.n_users == 0:
        raise InvalidTaskError(
            f"the population has no users, yet there are {len(tasks)} tasks; n_users counts all users that the "
            "evaluation speaks for."
        )
    as_score_matrix(scores, lengths)
    slots = true_slots(tasks)
    listed = np.array([slot is not None for slot in slots], dtype=np.bool_)
    hits = expected_hit_at_k(scores, slots, k)

    n_users = int(population.n_users)
    unaccounted = n_users - len(tasks) - int(population.n_left_out)
    share = int(population.n_left_out_by_target) / n_users
    decisive: dict[str, Measured] = {"users_unaccounted_for": unaccounted, "share_left_out_by_target": share}
    if unaccounted == 0 and share > most_left_out:  # what decided stands first
        decisive = dict(reversed(decisive.items()))
    failed = unaccounted != 0 or share > most_left_out
    cause, next_step = _explain(unaccounted, share) if failed else ("", "")
    return Verdict(
        check=f"users_accounted_for[K={k}]",
        status=Status.FAILED if failed else Status.PASSED,
        claim=(
            f"the {len(tasks)} users judged and those left out for a declared reason are the {n_users} users of the "
            f"population, and at most {most_left_out:.1%} of it are left out because of their target"
        ),
        measured={
            **decisive,
            "recall_where_target_is_listed": float(hits[listed].mean()) if listed.any() else None,
            "recall_end_to_end": float(hits.mean()),
            # more tasks than users is a miscount; a recall over the smaller number could exceed 1
            "recall_of_population": float(hits.sum()) / max(n_users, len(tasks)),
            "users_with_target_listed": int(listed.sum()),
            "users_judged": len(tasks),
            "users_in_population": n_users,
        },
        threshold={"users_unaccounted_for": 0, "share_left_out_by_target": most_left_out},
        n=n_users,
        evidence=_rows(population, unaccounted),
        cause=cause,
        next_step=next_step,
        fault="survivorship" if failed else None,
    )


def _several_tasks(tasks: Sequence[RankingTask]) -> tuple[str, int] | None:
    """A query_id that stands at more than one task, and at how many."""
    query_id, times = Counter(task.query_id for task in tasks).most_common(1)[0]
    return (query_id, times) if times > 1 else None


def _aside(k: int, query_id: str, times: int, n: int) -> Verdict:
    return Verdict(
        check=f"users_accounted_for[K={k}]",
        status=Status.NOT_APPLICABLE,
        claim="no user left the evaluation in silence, and few for a reason that depends on the target",
        measured={},
        threshold={},
        n=n,
        cause=(
            f"query {query_id!r} has {times} tasks, so users cannot be told from tasks and a lost one could hide behind it"
        ),
        next_step="give each task a query_id of its own, and count queries in the population",
    )


def _explain(unaccounted: int, share: float) -> tuple[str, str]:
    if unaccounted < 0:
        return (
            "There are more tasks and declared reasons than users: n_users was counted on other data than the tasks, or "
            "a user stands under two reasons.",
            "Count the population where it is first known, before any filter, and every user lost under the one reason "
            "that came first.",
        )
    if unaccounted > 0:
        return (
            "Users vanish between the population and the tasks, likely skipped where the target was not retrieved or "
            "was cut off with the list: those are misses, so the figure over the rest is too good.",
            "Keep such users as tasks without a target (target_index None: a miss), or declare how many they are and "
            "why; look for `continue`, dropna and inner joins between the split and the tasks.",
        )
    return (
        f"{share:.1%} of the population are left out for reasons that depend on what they took, so the users judged "
        "are the easy ones.",
        "Report recall_of_population, or keep these users as tasks without a target. A reason that would hold "
        "whatever the user took next belongs into independent_of_target.",
    )


def _rows(population: Population, unaccounted: int) -> tuple[str, ...]:
    def row(reason: str, n: int) -> str:
        why = "independent of the target" if reason in population.independent_of_target else "depends on the target"
        return f"{reason}: {n} users, {n / population.n_users:.1%} ({why})"

    rows = [row(reason, n) for reason, n in sorted(population.left_out.items(), key=lambda item: -item[1])]
    if unaccounted > 0:
        rows.insert(0, f"no reason declared: {unaccounted} users, {unaccounted / population.n_users:.1%}")
    elif unaccounted < 0:
        rows.insert(0, f"counted more than once, or not in the population: {-unaccounted} users")
    return tuple(rows[:MAX_EVIDENCE])
