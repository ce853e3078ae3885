"""The checks: pure functions from arrays and dataclasses to a `Verdict`. This is the list of those that exist."""

from __future__ import annotations

from rerank_guard.checks._settings import ALPHA
from rerank_guard.checks.adapter import check_adapter_active, check_survives_reload
from rerank_guard.checks.calibration import check_calibrated
from rerank_guard.checks.carries_over import check_ranking_carries_over
from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.config_obeyed import check_config_obeyed
from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.determinism import check_batch_invariant, check_scores_deterministic
from rerank_guard.checks.equivariance import check_permutation_equivariant
from rerank_guard.checks.giveaways import check_no_surface_giveaway
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_mass import check_letter_mass
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.masking import check_only_letter_supervised
from rerank_guard.checks.optimisation import check_training_planned
from rerank_guard.checks.order_fallback import check_no_order_fallback
from rerank_guard.checks.overlap import check_no_history_leak, check_split_disjoint
from rerank_guard.checks.probabilities_agree import check_probabilities_agree
from rerank_guard.checks.prompt import check_letter_read_last, check_prompts_match
from rerank_guard.checks.prompt_blind import check_prompt_blind_to_target
from rerank_guard.checks.prompt_block import check_prompt_complete
from rerank_guard.checks.prompt_forged import check_prompt_not_forged
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.recall_by_slot import check_recall_even_by_slot
from rerank_guard.checks.recorded_loss import check_loss_recorded_per_letter
from rerank_guard.checks.reference import check_scores_match_reference
from rerank_guard.checks.regression import check_no_regression
from rerank_guard.checks.rehearsal import check_one_batch_learned
from rerank_guard.checks.reported_metric import check_reported_metrics
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.checks.several_targets import check_recall_ceiling_of_targets
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.checks.survivorship import check_users_accounted_for
from rerank_guard.checks.temporal import check_no_future_training_data
from rerank_guard.checks.throughput import check_throughput
from rerank_guard.checks.titles import check_titles_agree, check_titles_tell_apart
from rerank_guard.checks.weights import check_weights_moved

__all__ = [
    "ALPHA",
    "check_adapter_active",
    "check_batch_invariant",
    "check_calibrated",
    "check_config_obeyed",
    "check_gt_in_candidates",
    "check_letter_mass",
    "check_letter_read_last",
    "check_letter_tokens_found",
    "check_loss_below_letter_prior",
    "check_loss_below_random",
    "check_loss_recorded_per_letter",
    "check_no_future_training_data",
    "check_no_history_leak",
    "check_no_order_fallback",
    "check_no_regression",
    "check_no_surface_giveaway",
    "check_one_batch_learned",
    "check_only_letter_supervised",
    "check_permutation_equivariant",
    "check_probabilities_agree",
    "check_probabilities_not_uniform",
    "check_prompt_blind_to_target",
    "check_prompt_complete",
    "check_prompt_not_forged",
    "check_prompts_match",
    "check_ranking_carries_over",
    "check_recall_beats_baseline",
    "check_recall_ceiling_of_targets",
    "check_recall_even_by_slot",
    "check_recall_within_ceiling",
    "check_reported_metrics",
    "check_scores_deterministic",
    "check_scores_match_reference",
    "check_scores_well_formed",
    "check_split_disjoint",
    "check_survives_reload",
    "check_target_slots_even",
    "check_throughput",
    "check_titles_agree",
    "check_titles_tell_apart",
    "check_training_planned",
    "check_users_accounted_for",
    "check_weights_moved",
]
