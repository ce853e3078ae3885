"""Does the ranking stay below what the known truth allows?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rerank_guard.baselines import chance_recalls_at_k
from rerank_guard.checks._at_cutoff import left_out_at, of_rows, restricted
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.quality._hits import e_value_text, hits_interval
from rerank_guard.checks.quality._ranked_targets import rank_targets, target_positions
from rerank_guard.core.check import check
from rerank_guard.core.faults.prompts import PROMPT_LEAK
from rerank_guard.core.faults.quality import ABOVE_CEILING
from rerank_guard.core.finding import Finding, suspect
from rerank_guard.core.setting import FixedLevel, Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.metrics import Hit, as_probability_matrix
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.stats.sample_size import samples_to_bet_above

__all__ = ["recall_within_ceiling"]

_LEAK_FIX = (
    "Search the prompt outside the candidate block for the target's title and for its position or letter; check that "
    "the splits do not overlap."
)


@check(
    stage=Stage.QUALITY,
    claim="Recall@K is not above what the known truth allows",
    can_name=(PROMPT_LEAK,),
    looks_like=ABOVE_CEILING,
    per="cutoff",
)
def recall_within_ceiling(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    oracle_probabilities: Sequence[FloatArray],
    *,
    alpha: Level = 1e-6,
    alpha_doubtful: FixedLevel = 1e-3,
) -> Finding:
    """Recall@K is not above what the best possible ranker of a world with a known truth can reach.

    Given the prompt, no ranker hits a user with a higher probability than the oracle's K most probable candidates
    have together. So a bet on "more hits than these ceilings" is an e-process for a ranker that knows the prompt alone
    (see `stats.bets`), and more hits than that show that the answer leaks.

    Known limit: a pass says only that no leak was shown. A ranker far below the ceiling may read a leak and still pass.

    Args:
        scores: one array (N,) a task, higher is better.
        tasks: the tasks, in the same order.
        k: cutoff, below the largest N; users with at most K candidates are left out.
        oracle_probabilities: one array (N,) a task: exact posterior of the target over the positions.
        alpha: how often a ranker without a leak may fail.
        alpha_doubtful: a recall above the ceiling with a p-value of at most this shows no leak yet, and is no pass. Below
            alpha it counts as alpha, which then leaves no such recall.

    Returns:
        FAILED with prompt-leak; INCONCLUSIVE, with the number of users that would decide, where recall is above the
        ceiling and its p-value is at most `alpha_doubtful` but above alpha; NOT_APPLICABLE where the ceilings are so
        high that not even a hit for every user could show a leak; else PASSED.

    Raises:
        InvalidTaskError: no tasks.
        VacuousMetricError: k at or above every N, or below 1.
        InvalidScoresError: malformed scores or probabilities.
        SettingError: alpha or alpha_doubtful out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    whole = table
    table, scores, kept_at_k = restricted(k, whole, scores)
    oracle_probabilities = of_rows(oracle_probabilities, kept_at_k, len(whole))
    hits = rank_targets(scores, table, target_positions(table)).values(Hit(k))
    posterior, _ = as_probability_matrix(oracle_probabilities, table.n_candidates, what="oracle_probabilities")
    ceilings = np.clip(np.sort(posterior, axis=1)[:, -k:].sum(axis=1), 0.0, 1.0)
    chance = float(chance_recalls_at_k(table.n_candidates, k).mean())
    bet = _Bet(hits, ceilings, alpha)
    status = bet.status(max(alpha, alpha_doubtful))
    best = f"{bet.ceiling:.3f}, the best that any ranker without a leak can reach"
    proof = f"there is no proof that Recall@{k} exceeds" if status is Status.PASSED else f"Recall@{k} is not above"
    cause, next_step = bet.undecided(status, k)
    return Finding(
        status,
        claim=f"over {len(table)} users {proof} {best}",
        measured={
            "recall": bet.recall,
            "chance": chance,
            "share_of_the_way_to_ceiling": (bet.recall - chance) / (bet.ceiling - chance)
            if bet.ceiling > chance
            else None,
            "p_value": bet.p_value,
            **left_out_at(whole, kept_at_k),
        },
        compared_with={"ceiling": bet.ceiling, "alpha": alpha},
        n=len(table),
        interval=hits_interval(hits, alpha),
        evidence=(bet.row(status),),
        suspects=(suspect(PROMPT_LEAK, bet.leak(), _LEAK_FIX, statistical=True),)
        if status is Status.FAILED
        else (),
        cause=cause,
        next_step=next_step,
        p_failed=bet.p_value,
    )


@dataclass(frozen=True)
class _Bet:
    """A bet on more hits than the ceilings."""

    hits: FloatArray
    ceilings: FloatArray
    alpha: float

    @property
    def recall(self) -> float:
        return float(self.hits.mean())

    @property
    def ceiling(self) -> float:
        return float(self.ceilings.mean())

    @cached_property
    def log_e(self) -> float:
        """Of the hits; +inf at a ceiling of 0, where any hit proves a leak."""
        return log_e_value_above(self.hits, self.ceilings)

    @cached_property
    def log_e_if_all_hit(self) -> float:
        return log_e_value_above(np.ones_like(self.hits), self.ceilings)

    @property
    def p_value(self) -> float:
        return p_value_of(self.log_e)

    def status(self, alpha_doubtful: float) -> Status:
        if self.p_value <= self.alpha:
            return Status.FAILED
        if self.recall > self.ceiling and self.p_value <= alpha_doubtful:
            return Status.INCONCLUSIVE
        if self.log_e_if_all_hit < math.log(1.0 / self.alpha):
            return Status.NOT_APPLICABLE
        return Status.PASSED

    def row(self, status: Status) -> str:
        if status is Status.NOT_APPLICABLE:
            shown = e_value_text(self.log_e_if_all_hit)
            return f"a hit for every one of {len(self.hits)} users would show {shown}: no proof"
        shown = e_value_text(self.log_e)
        return f"recall {self.recall:.3f}, ceiling {self.ceiling:.3f}: {shown} for a ranker without a leak"

    def leak(self) -> str:
        return (
            f"Recall {self.recall:.3f} is above {self.ceiling:.3f}, which is the best possible without a leak: the answer "
            "is probably in the prompt, or the test users were trained on."
        )

    def undecided(self, status: Status, k: int) -> tuple[str, str]:
        """Cause and next step of a verdict that is neither passed nor failed."""
        if status is Status.NOT_APPLICABLE:
            return "The ceilings are so high that not even a hit for every user would show a leak.", (
                "Judge on more users, or at a smaller K." if k > 1 else "Judge on more users."
            )
        if status is not Status.INCONCLUSIVE:
            return "", ""
        cause = (
            f"Recall {self.recall:.3f} is significantly above the ceiling {self.ceiling:.3f} ({e_value_text(self.log_e)}), "
            f"but not at {self.alpha:g}, which a leak has to reach."
        )
        enough, n = samples_to_bet_above(self.hits, self.ceilings, self.alpha), len(self.hits)
        if enough is None:
            return cause, "Judge on more users."
        return cause, f"About {max(enough, n + 1)} users at these rates would decide (now {n})."
