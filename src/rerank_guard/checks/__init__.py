"""The checks: pure functions from arrays and dataclasses to a `Verdict`. This is the list of those that exist."""

from __future__ import annotations

from rerank_guard.checks._settings import ALPHA
from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.regression import check_no_regression
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.checks.several_targets import check_recall_ceiling_of_targets
from rerank_guard.checks.survivorship import check_users_accounted_for
from rerank_guard.checks.temporal import check_no_future_training_data

__all__ = [
    "ALPHA",
    "check_gt_in_candidates",
    "check_letter_tokens_found",
    "check_loss_below_letter_prior",
    "check_loss_below_random",
    "check_no_future_training_data",
    "check_no_regression",
    "check_probabilities_not_uniform",
    "check_recall_beats_baseline",
    "check_recall_ceiling_of_targets",
    "check_recall_within_ceiling",
    "check_scores_well_formed",
    "check_users_accounted_for",
]
