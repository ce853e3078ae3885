"""Are users with long inputs, long histories, or popular or rare target items ranked far worse than others?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import logsumexp

from rerank_guard.checks._at_cutoff import left_out_at, restricted
from rerank_guard.checks._settings import ALPHA, require_tasks
from rerank_guard.checks.quality._user_groups import GroupContrast, contrasts, properties
from rerank_guard.core.check import check
from rerank_guard.core.faults.quality import SOME_USERS_RANKED_BADLY
from rerank_guard.core.finding import Affected, Finding, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.row_equality import first_of_equal_questions, mean_of_equals
from rerank_guard.core.setting import FixedLevel, Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Measured, Status
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stats.bets import p_value_of

__all__ = ["recall_uniform_over_users"]

_TOO_ALIKE = (
    "the users with a listed target item are too few, or too much alike, to be compared by the length of their input or history or "
    "by the popularity of their target item",
    "judge on more users",
)
_SPENT = 4.0
"""Nats that the mixtures over bets cost at the start, about; more users cost no more."""


@check(
    stage=Stage.QUALITY,
    claim="Recall@K of users with long inputs, long histories, or popular or rare target items is not far below that of others",
    can_name=(SOME_USERS_RANKED_BADLY,),
    looks_like=SOME_USERS_RANKED_BADLY,
    per="cutoff",
)
def recall_uniform_over_users(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    item_popularity: Mapping[str, int] | None = None,
    *,
    alpha: Level = ALPHA,
    alpha_doubtful: FixedLevel = 0.01,
    effect: Share = 0.15,
) -> Finding:
    """Users at one end of what is known of them are not ranked worse than others by more than `effect` in Recall@K.

    A length limit cuts the longest prompts, padding spoils the shortest, an identifier is not known for rare items: that
    hits some users, and an average over all of them hides it.

    Compared are the half, the quarter and the eighth of the users with the longest inputs (bytes of query, history and
    candidates), the longest histories, and the most popular target items, each with all others and with as many users next
    to them, who are most like them. Of the other ends, the shortest inputs are compared where all histories have one
    length, and the rarest target items where a ranking by popularity is no better than chance: a short history, and a
    rare item where popular ones are taken, are harder for any ranking. Users are compared with those who have as many
    candidates.

    - FAILED: the average of the comparisons' e-values, each against "at most `effect` below" (`stats.two_means`), reaches
      1/alpha. A reranker that serves no group worse than that is failed with probability alpha at most, however many
      comparisons there are (Ville 1939).
    - INCONCLUSIVE: a group is more than `effect` below, and equal recalls would differ so much in fewer than
      `alpha_doubtful` of all samples (a normal approximation, times the number of comparisons; Bonferroni).
    - NOT_APPLICABLE: there are no two groups of at least 8 users.
    - PASSED: else; no such group was found.

    Known limits: a group that is known by none of these is not seen, such as users of one language. Users that are harder
    for a good reason by more than `effect` fail: raise it, and look at `explain` for what else it may be.

    Args:
        scores: one array (N_u,) a task, higher is better; finite.
        tasks: the tasks, in the same order; those whose target item is not listed are left out, and those that ask the same
            (history, query, list and target item) under several query ids count once.
        k: cutoff, below the largest N; users with at most K candidates are left out.
        item_popularity: item id to how often it was taken in training.
        alpha: level of the failure, for all comparisons together.
        alpha_doubtful: level of the doubt, likewise.
        effect: by how much Recall@K of a group may be below that of the others, in [0, 1).

    Returns:
        As above; a failure names some-users-ranked-badly.

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
    position = target_listing(table).position
    first = first_of_equal_questions(table)
    kept = np.flatnonzero((position >= 0) & (first == np.arange(len(table))))
    hits = expected_hit_at_k(scores, [at if at >= 0 else None for at in position.tolist()], k)
    hits[np.unique(first)] = mean_of_equals(hits, first)
    hits = hits[kept]
    claim = f"no group of users has a Recall@{k} more than {effect:g} below that of others"
    if len(kept) == 0:
        return not_applicable(*_TOO_ALIKE, claim=claim)
    known = list(properties(table, kept, k, item_popularity))
    compared = list(contrasts(known, hits, table.n_candidates[kept]))
    if not compared:
        return not_applicable(*_TOO_ALIKE, claim=claim, n=len(kept))
    log_e = float(logsumexp([-math.inf, *(each.log_e(effect) for each in compared)])) - math.log(len(compared))
    doubtful = [
        each for each in compared if each.shortfall > effect and each.p_if_equal * len(compared) <= alpha_doubtful
    ]
    status = Status.PASSED
    if log_e >= math.log(1.0 / alpha):
        status = Status.FAILED
    elif doubtful:
        status = Status.INCONCLUSIVE
    worst = _worst(compared, effect)
    cause, next_step = _undecided(worst, log_e, len(kept), alpha) if status is Status.INCONCLUSIVE else ("", "")
    return Finding(
        status,
        claim=claim,
        measured=_measured(worst, len(compared)) | left_out_at(whole, kept_at_k),
        compared_with={"shortfall": effect, "alpha": alpha},
        n=len(kept),
        evidence=_evidence(table, kept, hits, worst, compared) if status is not Status.PASSED else (),
        suspects=(suspect(SOME_USERS_RANKED_BADLY, _cause(worst), statistical=True),)
        if status is Status.FAILED
        else (),
        cause=cause,
        next_step=next_step,
        affected=Affected(len(worst.group), len(kept), "users") if status is Status.FAILED else None,
        p_failed=p_value_of(log_e),
    )


def _worst(compared: Sequence[GroupContrast], effect: float) -> GroupContrast:
    """The comparison that shows most: by E, else by how seldom equal recalls would differ so much."""
    return max(compared, key=lambda each: (each.log_e(effect), -each.p_if_equal, each.shortfall))


def _measured(worst: GroupContrast, n_compared: int) -> dict[str, Measured]:
    return {
        "shortfall": worst.shortfall,
        "recall_of_group": float(worst.group.mean()),
        "recall_of_others": float(worst.others.mean()),
        "group": worst.which,
        "users_in_group": len(worst.group),
        "p_if_equal": worst.p_if_equal,
        "groups_compared": n_compared,
    }


def _cause(worst: GroupContrast) -> str:
    return (
        f"Compared {worst.which}: Recall {worst.group.mean():.3f} of {len(worst.group)} users, and {worst.others.mean():.3f} of "
        f"{len(worst.others)}."
    )


def _undecided(worst: GroupContrast, log_e: float, n: int, alpha: float) -> tuple[str, str]:
    cause = (
        f"{_cause(worst)} That is hardly chance, but no proof on {n} users that it is {SOME_USERS_RANKED_BADLY}."
    )
    look = "Print the prompts of some users of that group, and look at their end."
    if not log_e > 0.0:
        return cause, f"{look} Judge on several times as many users."
    enough = math.ceil(n * (math.log(1.0 / alpha) + _SPENT) / (log_e + _SPENT))
    return cause, f"{look} About {max(enough, n + 1)} users at these rates would decide (now {n})."


def _evidence(
    table: TaskTable, kept: IntArray, hits: FloatArray, worst: GroupContrast, compared: Sequence[GroupContrast]
) -> tuple[str, ...]:
    """The widest comparisons, then users of the worst group who are missed."""
    widest = sorted(compared, key=lambda each: each.p_if_equal)[:2]
    shown = [f"{each.which}: Recall {each.group.mean():.3f} and {each.others.mean():.3f}" for each in widest]
    missed = kept[worst.inside & (hits < 0.5)][: MAX_EVIDENCE - len(shown)].tolist()
    return (*shown, *(f"query {table.query_ids[task]!r} is missed" for task in missed))
