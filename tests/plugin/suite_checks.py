"""What the packaged suite consists of, for a target that is judged at K=5: the one list of it."""

from __future__ import annotations

__all__ = [
    "CHECKS",
    "ITEMS",
    "MINIMAL_CHECKS",
    "NOT_SOUNDS",
    "SOUND_CHECKS",
    "SOUND_SKIPPED",
    "SOUND_STATIC_CHECKS",
    "SOUND_TRAINED_CHECKS",
    "STATIC_CHECKS",
    "TRAINED_CHECKS",
    "position_of",
]

STATIC_CHECKS = [
    "gt_in_candidates",
    "training_gt_in_candidates",
    "no_history_leak",
    "split_disjoint",
    "no_future_training_data",
    "target_slots_even",
    "training_target_slots_even",
    "titles_tell_apart",
    "no_surface_giveaway",
    "letter_tokens_found",
    "prompt_complete",
    "letter_read_last",
    "prompts_match",
    "prompt_blind_to_target",
    "prompt_not_forged",
    "only_letter_supervised",
    "training_planned",
]
"""Need no training job; one that fails stops it."""

TRAINED_CHECKS = [
    "one_batch_learned",
    "config_obeyed",
    "weights_moved",
    "loss_recorded_per_letter",
    "loss_below_random",
    "loss_below_letter_prior",
    "scores_well_formed",
    "no_order_fallback",
    "scores_deterministic",
    "batch_invariant",
    "scores_match_reference",
    "letter_mass",
    "adapter_active",
    "survives_reload",
    "probabilities_not_uniform",
    "probabilities_agree",
    "permutation_equivariant",
    "calibrated",
    "ranking_carries_over",
    "recall_beats_baseline[K=5]",
    "recall_even_by_slot[K=5]",
    "recall_within_ceiling[K=5]",
    "users_accounted_for[K=5]",
    "reported_metrics",
]

CHECKS = [*STATIC_CHECKS, *TRAINED_CHECKS]
"""All of them; all apply to `fake_whole.Whole`."""

NOT_SOUNDS = {
    "training_gt_in_candidates": "training_tasks()",
    "split_disjoint": "training_tasks()",
    "training_target_slots_even": "training_tasks()",
    "prompt_complete": "scoring_prompts(tasks)",
    "letter_read_last": "scoring_prompts(tasks)",
    "prompts_match": "scoring_prompts(tasks) and training_prompts(tasks)",
    "prompt_blind_to_target": "scoring_prompts(tasks)",
    "prompt_not_forged": "scoring_prompts(tasks)",
    "only_letter_supervised": "training_prompts(tasks)",
    "training_planned": "training_plan()",
    "one_batch_learned": "rehearse(progress)",
    "config_obeyed": "training_plan()",
    "weights_moved": "parameter_changes()",
    "scores_match_reference": "next_token_logits(prompts) and scoring_prompts(tasks)",
    "letter_mass": "next_token_logits(prompts) and scoring_prompts(tasks)",
    "adapter_active": "score_without_adapter(tasks)",
    "survives_reload": "score_reloaded(tasks)",
    "reported_metrics": "reported_metrics()",
}
"""Do not apply to `fake_targets.Sound`, and the methods that it lacks."""

SOUND_STATIC_CHECKS = [check for check in STATIC_CHECKS if check not in NOT_SOUNDS]
SOUND_TRAINED_CHECKS = [check for check in TRAINED_CHECKS if check not in NOT_SOUNDS]
SOUND_CHECKS = [*SOUND_STATIC_CHECKS, *SOUND_TRAINED_CHECKS]
SOUND_SKIPPED = len(NOT_SOUNDS) + 1
"""Items of a run of `fake_targets.Sound` that are skipped: these, and the one that times with --rerank-benchmark."""

MINIMAL_CHECKS = [
    "gt_in_candidates",
    "no_history_leak",
    "target_slots_even",
    "titles_tell_apart",
    "no_surface_giveaway",
    "scores_well_formed",
    "no_order_fallback",
    "scores_deterministic",
    "batch_invariant",
    "recall_beats_baseline[K=5]",
    "recall_even_by_slot[K=5]",
]
"""Apply to a target that meets `RerankTarget` and no more."""

ITEMS = [*(f"rerank::{check}" for check in CHECKS), "rerank::score_throughput"]


def position_of(check: str) -> int:
    return CHECKS.index(check)
