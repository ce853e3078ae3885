"""What the packaged suite consists of, for a target with every capability that is judged at K=5: the one list of it."""

from __future__ import annotations

__all__ = ["CHECKS", "ITEMS", "MINIMAL_CHECKS", "STATIC_CHECKS", "TRAINED_CHECKS", "position_of"]

STATIC_CHECKS = ["gt_in_candidates", "no_future_training_data", "letter_tokens_found"]
"""Need no training job."""

TRAINED_CHECKS = [
    "loss_below_random",
    "loss_below_letter_prior",
    "scores_well_formed",
    "probabilities_not_uniform",
    "recall_beats_baseline[K=5]",
    "recall_within_ceiling[K=5]",
    "users_accounted_for[K=5]",
]

CHECKS = [*STATIC_CHECKS, *TRAINED_CHECKS]

MINIMAL_CHECKS = ["gt_in_candidates", "scores_well_formed", "recall_beats_baseline[K=5]"]
"""Apply to a target that meets `RerankTarget` and no more."""

ITEMS = [*(f"rerank::{check}" for check in CHECKS), "rerank::score_throughput"]


def position_of(check: str) -> int:
    return CHECKS.index(check)
