"""Does the ranking stay below what is possible?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.baselines import chance_recall_at_k
from rerank_guard.checks._hits import e_value_text, hits_interval
from rerank_guard.checks._settings import require_settings, require_tasks, true_slots
from rerank_guard.metrics import (
    as_probability_matrix,
    as_score_matrix,
    expected_hit_at_k,
    require_informative_cutoff,
)
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.stats.sample_size import samples_to_bet_above
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["check_recall_within_ceiling"]

_SUSPICIOUS = 1e-3
"""Recall above the ceiling at this p-value is not yet a proof of a leak, and no longer a pass."""

_LEAK = (
    "More hits than the best possible ranker can have: the answer is likely in the prompt, or the test users "
    "were trained on.",
    "Search the prompt outside the candidate block for the target's title and for its slot or letter; check "
    "that the splits do not overlap.",
)


def check_recall_within_ceiling(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    oracle_probabilities: Sequence[FloatArray],
    *,
    k: int,
    alpha: float = 1e-6,
) -> Verdict:
    """Recall@K is not above what the best possible ranker of a known-truth world can reach.

    Given the prompt, no ranker hits a user with a higher probability than the oracle's K most probable candidates
    hold. So a bet on "more hits than these ceilings" is an e-process for an honest one (see `stats.bets`).

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order.
        oracle_probabilities: one array (N_u,) a task: exact posterior of the target over the slots.
        k: cutoff, below the smallest N.
        alpha: how often an honest ranker may fail.

    Returns:
        FAILED with prompt-leak; INCONCLUSIVE, with the number of users that would decide, where recall is above the
        ceiling and its p-value is at most 1e-3 but above alpha; NOT_APPLICABLE where the ceilings are so high that
        not even a hit for every user could prove a leak; else PASSED, which says no more than that there is no
        proof of a leak.

    Raises:
        InvalidTaskError: no tasks.
        VacuousMetricError: k at or above the smallest N, or below 1.
        InvalidScoresError: malformed scores or probabilities.
        RerankGuardError: alpha out of range.
    """
    require_settings(alpha)
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    require_informative_cutoff(k, lengths)
    as_score_matrix(scores, lengths)
    posterior, _ = as_probability_matrix(oracle_probabilities, lengths, what="oracle_probabilities")
    hits = expected_hit_at_k(scores, true_slots(tasks), k)
    ceilings = np.clip(np.sort(posterior, axis=1)[:, -k:].sum(axis=1), 0.0, 1.0)
    chance = float(np.mean([chance_recall_at_k(n, k) for n in lengths]))
    recall, ceiling = float(hits.mean()), float(ceilings.mean())
    log_e = log_e_value_above(hits, ceilings)  # +inf at a ceiling of 0: any hit there proves a leak
    if_all_hit = log_e_value_above(np.ones_like(hits), ceilings)
    p = p_value_of(log_e)
    fault, evidence = (
        None,
        (f"recall {recall:.3f}, ceiling {ceiling:.3f}: {e_value_text(log_e)} for an honest ranker",),
    )
    if p <= alpha:
        status, fault = Status.FAILED, "prompt-leak"
    elif recall > ceiling and p <= _SUSPICIOUS:
        status = Status.INCONCLUSIVE
    elif if_all_hit < math.log(1.0 / alpha):
        status = Status.NOT_APPLICABLE
        evidence = (f"a hit for every one of {len(hits)} users would show {e_value_text(if_all_hit)}: no proof",)
    else:
        status = Status.PASSED
    cause, next_step = _LEAK if fault else ("", "")
    if status is Status.INCONCLUSIVE:
        cause = (
            f"Recall {recall:.3f} is above the ceiling {ceiling:.3f} by more than luck explains easily ({e_value_text(log_e)}), but "
            f"not by enough to prove a leak at {alpha:g}."
        )
        enough = samples_to_bet_above(hits, ceilings, alpha)
        next_step = (
            "Judge on more users."
            if enough is None
            else (f"About {max(enough, len(hits) + 1)} users at these rates would decide (now {len(hits)}).")
        )
    best = f"{ceiling:.3f}, the best that any honest ranker can reach"
    measured: dict[str, Measured] = {
        "recall": recall,
        "chance": chance,
        "share_of_the_way_to_ceiling": (recall - chance) / (ceiling - chance) if ceiling > chance else None,
        "p_value": p,
    }
    return Verdict(
        check=f"recall_within_ceiling[K={k}]",
        status=status,
        claim=(
            f"over {len(tasks)} users there is no proof that Recall@{k} exceeds {best}"
            if status is Status.PASSED
            else f"over {len(tasks)} users Recall@{k} is not above {best}"
        ),
        measured=measured,
        threshold={"ceiling": ceiling, "alpha": alpha},
        n=len(tasks),
        interval=hits_interval(hits, alpha),
        evidence=evidence,
        cause=cause,
        next_step=next_step,
        fault=fault,
        p_failed=p,
    )
