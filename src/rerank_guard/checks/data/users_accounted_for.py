"""Does the figure speak for all users, or for those whom the pipeline could serve?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._at_cutoff import left_out_at
from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._first_stage_recall import first_stage_recall, lists_a_first_stage
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.faults.data import SURVIVORSHIP
from rerank_guard.core.finding import Affected, Finding, Limit, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.population import Population
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Measured, Status
from rerank_guard.metrics import as_score_matrix, expected_hit_at_k, require_informative_cutoff

__all__ = ["users_accounted_for"]

_CLAIM = "no user is dropped without a declared reason, and few for a reason that depends on the target item"


@check(
    stage=Stage.DATA,
    per="cutoff",
    claim=_CLAIM,
    can_name=(SURVIVORSHIP,),
    rules_out=(SURVIVORSHIP,),
)
def users_accounted_for(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    population: Population,
    k: int,
    *,
    most_left_out: Share = 0.05,
    max_unaccounted: Count = 0,
    promised: bool = False,
) -> Finding:
    """No user is silently dropped, and few are left out because of their target item.

    Users whose target item was not retrieved are the misses: a figure over the others is that of the easy ones. Three
    figures are shown, which are equal where no user is lost: Recall@K over the users whose target item is listed
    (conditional), over all tasks (end to end), and over the whole population, where everybody left out is a miss,
    whatever the reason. Ties count in expectation. Exact: no statistics.

    A pipeline whose tasks state first-stage scores is a two-stage one: users that it declares as left out because of their
    target item are the first stage's misses. They are reported as first-stage recall, with its interval, and fail only
    where the pipeline has `promised` that every target item is listed.

    Known limit: users that the population does not count are not missed.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order; one a user (or query) of the population.
        population: whom the evaluation speaks for.
        k: cutoff, below the largest N; users with at most K candidates are left out of the recalls.
        most_left_out: largest share of the population that may be left out for reasons that depend on the target item, in
            [0, 1).
        max_unaccounted: largest difference between the population and what tasks and declared reasons add up to, either
            way, that is tolerated.
        promised: whether every target item is listed by the pipeline's own word, first stage or not.

    Returns:
        FAILED with survivorship where tasks and declared reasons do not add up to the population, within
        `max_unaccounted`, or where more than
        `most_left_out` of it is left out for reasons that depend on the target item; NOT_APPLICABLE where a query_id has
        several tasks; else PASSED.

    Raises:
        InvalidTaskError: no tasks, or no population.
        VacuousMetricError: k at or above every N, or below 1.
        InvalidScoresError: malformed scores.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    lengths = table.n_candidates
    require_informative_cutoff(k, lengths.tolist())
    if several := _several_tasks(table):
        return several
    if population.n_users == 0:
        raise InvalidTaskError(
            f"the population has no users, yet there are {len(table)} tasks; n_users counts all users that the "
            "evaluation speaks for."
        )
    as_score_matrix(scores, lengths.tolist())
    n_users = int(population.n_users)
    unaccounted = n_users - len(table) - int(population.n_left_out)
    by_target = int(population.n_left_out_by_target)
    share = by_target / n_users
    decisive: dict[str, Measured] = {"users_unaccounted_for": unaccounted, "share_left_out_by_target": share}
    lost = abs(unaccounted) > max_unaccounted
    if not lost and share > most_left_out:  # the figure that decides comes first
        decisive = dict(reversed(decisive.items()))
    first_stage = _first_stage_recall(table, by_target) if lists_a_first_stage(table) and not promised else {}
    failed = lost or (share > most_left_out and not first_stage)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=(
            f"the {len(table)} users judged and those left out for a declared reason are the {n_users} users of the "
            f"population{all_but(max_unaccounted)}, and "
            + (
                f"the first stage lists the target item of {first_stage['first_stage_recall']:.1%} of it"
                if first_stage
                else f"at most {most_left_out:.1%} of it are left out because of their target item"
            )
        ),
        measured={**decisive, **first_stage, **_recalls(scores, table, k, n_users), "users_in_population": n_users},
        limits=(
            _limit_of_unaccounted(unaccounted, max_unaccounted),
            *(() if first_stage else (Limit("share_left_out_by_target", "<=", most_left_out),)),
        ),
        n=n_users,
        evidence=_rows(population, unaccounted),
        suspects=(suspect(SURVIVORSHIP, *_explain(unaccounted if lost else 0, share)),) if failed else (),
        affected=Affected(abs(unaccounted) + by_target, n_users, "users"),
    )


def _first_stage_recall(table: TaskTable, left_out: int) -> dict[str, Measured]:
    """Share of the users with a listed target, those left out because of theirs counted as misses; with its interval."""
    listed = int(np.count_nonzero(target_listing(table).times))
    return first_stage_recall(listed, len(table) + left_out)


def _limit_of_unaccounted(unaccounted: int, tolerated: int) -> Limit:
    """The tolerated number, on the side on which the figure is; of none, that it is 0."""
    if tolerated == 0:
        return Limit("users_unaccounted_for", "==", 0)
    below = unaccounted < 0
    return Limit("users_unaccounted_for", ">=" if below else "<=", -tolerated if below else tolerated)


def _recalls(scores: Sequence[FloatArray], table: TaskTable, k: int, n_users: int) -> dict[str, Measured]:
    """Recall@K over those whose target item is listed, over all tasks, and over the population; and how many these are."""
    position = target_listing(table).position
    can_miss = table.n_candidates > k  # the others find a listed target whatever the scores are
    is_listed = position >= 0
    hits = expected_hit_at_k(scores, [at if at >= 0 else None for at in position.tolist()], k)
    return {
        "recall_where_target_is_listed": float(hits[is_listed & can_miss].mean())
        if (is_listed & can_miss).any()
        else None,
        "recall_end_to_end": float(hits[can_miss].mean()),
        # more tasks than users is a miscount; a recall over the smaller number could exceed 1
        "recall_of_population": float(hits[can_miss].sum())
        / (max(n_users, len(table)) - int(np.count_nonzero(~can_miss))),
        "users_with_target_listed": int(np.count_nonzero(is_listed)),
        "users_judged": len(table),
        **left_out_at(table, np.flatnonzero(can_miss)),
    }


def _several_tasks(table: TaskTable) -> Finding | None:
    """The finding where a query_id has more than one task; None where each has one."""
    query_id, times = Counter(table.query_ids).most_common(1)[0]
    if times == 1:
        return None
    return not_applicable(
        f"query {query_id!r} has {times} tasks, so users cannot be told from tasks and a lost one could hide behind it",
        "give each task a query_id of its own, and count queries in the population",
        claim=_CLAIM,
        n=len(table),
    )


def _explain(unaccounted: int, share: float) -> tuple[str, str]:
    if unaccounted < 0:
        return (
            "There are more tasks and declared reasons than users: n_users was counted on other data than the tasks, or "
            "a user has two reasons.",
            "Count the population where it is first known, before any filter, and every user lost under the one reason "
            "that came first.",
        )
    if unaccounted > 0:
        return (
            "Users vanish between the population and the tasks, likely skipped where the target item was not retrieved or "
            "was cut off with the list: those are misses, so the figure over the rest is too good.",
            "Keep such users as tasks without a listed target item (target_index None: a miss), or declare how many they are and "
            "why; look for `continue`, dropna and inner joins between the split and the tasks.",
        )
    return (
        f"{share:.1%} of the population are left out for reasons that depend on what they took, so the users judged "
        "are the easy ones.",
        "Report recall_of_population, or keep these users as tasks without a listed target item. A reason that would hold "
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
