"""What `Reranker.evaluate` reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.baselines import chance_recall_at_k
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.metrics import expected_hit_at_k, require_informative_cutoff
from rerank_model.scoring.score import log_softmax

__all__ = ["Evaluation", "evaluate_logits"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Quality over all users, those whose target is missing counted as misses.

    Attributes:
        recall_at_k: K to Recall@K (one target a user, so the hit rate), ties in expectation.
        chance_at_k: K to what random ranking gives.
        letter_nll: mean over users with the target present, nats.
        chance_nll: mean log N over the same users.
        n_users: all users.
        users_without_target: of these, how many have no target among their candidates.
    """

    recall_at_k: dict[int, float]
    chance_at_k: dict[int, float]
    letter_nll: float
    chance_nll: float
    n_users: int
    users_without_target: int


def evaluate_logits(
    tasks: Sequence[RankingTask], logits: Sequence[FloatArray], cutoffs: Sequence[int]
) -> Evaluation:
    """Compute the metrics from letter logits.

    Raises:
        VacuousMetricError: a cutoff is not below every N.
    """
    n = [task.n_candidates for task in tasks]
    targets = [task.target_index for task in tasks]
    recall, chance = {}, {}
    for k in cutoffs:
        require_informative_cutoff(k, n)
        recall[k] = float(np.mean(expected_hit_at_k(logits, targets, k)))
        chance[k] = float(np.mean([chance_recall_at_k(count, k) for count in n]))
    present = [(row, target) for row, target in zip(logits, targets, strict=True) if target is not None]
    return Evaluation(
        recall_at_k=recall,
        chance_at_k=chance,
        letter_nll=float(np.mean([-log_softmax(row)[target] for row, target in present]))
        if present
        else float("nan"),
        chance_nll=float(np.mean([np.log(len(row)) for row, _ in present])) if present else float("nan"),
        n_users=len(tasks),
        users_without_target=len(tasks) - len(present),
    )
