"""All faults by name, and what each check looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rerank_guard.diagnosis.note import ABOVE_CEILING, LETTERS_UNLIKELY, FaultNote, Stage
from rerank_guard.diagnosis.notes_data import DATA_NOTES, LETTER_NOTES, PROMPT_NOTES
from rerank_guard.diagnosis.notes_scoring import BASELINE_NOTES, METRIC_NOTES, SCORING_NOTES
from rerank_guard.diagnosis.notes_training import PLAN_NOTES, SAVED_MODEL_NOTES, SUPERVISION_NOTES, TRAINING_NOTES

__all__ = ["CHECKS", "FAULTS", "CheckNote", "FaultNote", "Stage", "check_note", "family_of", "fault_note"]

FAULTS: Mapping[str, FaultNote] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            *DATA_NOTES,
            *LETTER_NOTES,
            *PROMPT_NOTES,
            *SUPERVISION_NOTES,
            *PLAN_NOTES,
            *TRAINING_NOTES,
            *SAVED_MODEL_NOTES,
            *SCORING_NOTES,
            *METRIC_NOTES,
            *BASELINE_NOTES,
        )
    }
)
"""Every fault that a check may name, most upstream first."""


@dataclass(frozen=True, slots=True)
class CheckNote:
    """What one check looks at.

    Attributes:
        stage: the earliest stage whose faults it can show.
        looks_like: the fault to explain it by where it does not name one, or names one that looks like others.
        unlocked_by: the target's method that it needs; empty where it needs none but `score`.
    """

    stage: Stage
    looks_like: str | None = None
    unlocked_by: str = ""


CHECKS: Mapping[str, CheckNote] = MappingProxyType(
    {
        "gt_in_candidates": CheckNote(Stage.DATA),
        "no_history_leak": CheckNote(Stage.DATA),
        "split_disjoint": CheckNote(Stage.DATA, unlocked_by="training_tasks()"),
        "no_future_training_data": CheckNote(Stage.DATA, unlocked_by="split_times()"),
        "target_slots_even": CheckNote(Stage.DATA),
        "titles_tell_apart": CheckNote(Stage.DATA),
        "no_surface_giveaway": CheckNote(Stage.DATA),
        "users_accounted_for": CheckNote(Stage.DATA, unlocked_by="population()"),
        "recall_ceiling_of_targets": CheckNote(Stage.DATA),
        "letter_tokens_found": CheckNote(Stage.LETTERS, unlocked_by="letter_table()"),
        "prompt_complete": CheckNote(Stage.PROMPT, unlocked_by="scoring_prompts(tasks)"),
        "letter_read_last": CheckNote(Stage.PROMPT, unlocked_by="scoring_prompts(tasks)"),
        "prompts_match": CheckNote(Stage.PROMPT, unlocked_by="training_prompts(tasks)"),
        "prompt_blind_to_target": CheckNote(Stage.PROMPT, unlocked_by="scoring_prompts(tasks)"),
        "prompt_not_forged": CheckNote(Stage.PROMPT, unlocked_by="scoring_prompts(tasks)"),
        "only_letter_supervised": CheckNote(Stage.SUPERVISION, unlocked_by="training_prompts(tasks)"),
        "training_planned": CheckNote(Stage.PLAN, unlocked_by="training_plan()"),
        "one_batch_learned": CheckNote(Stage.PLAN, "no-signal", "rehearse(progress)"),
        "config_obeyed": CheckNote(Stage.PLAN, unlocked_by="training_plan()"),
        "weights_moved": CheckNote(Stage.PLAN, unlocked_by="parameter_changes()"),
        "loss_recorded_per_letter": CheckNote(Stage.TRAINING, unlocked_by="train(progress)"),
        "loss_below_random": CheckNote(Stage.TRAINING, "no-signal", "train(progress)"),
        "loss_below_letter_prior": CheckNote(Stage.TRAINING, "position-prior", "train(progress)"),
        "adapter_active": CheckNote(Stage.SAVED_MODEL, unlocked_by="score_without_adapter(tasks)"),
        "survives_reload": CheckNote(Stage.SAVED_MODEL, unlocked_by="score_reloaded(tasks)"),
        "scores_well_formed": CheckNote(Stage.SCORING, "ties-decide"),
        "no_order_fallback": CheckNote(Stage.SCORING, "silent-fallback"),
        "scores_deterministic": CheckNote(Stage.SCORING, "nondeterministic"),
        "batch_invariant": CheckNote(Stage.SCORING, "batch-dependent"),
        "scores_match_reference": CheckNote(Stage.SCORING, "scores-not-from-model", "next_token_logits(prompts)"),
        "letter_mass": CheckNote(Stage.SCORING, LETTERS_UNLIKELY, "next_token_logits(prompts)"),
        "probabilities_agree": CheckNote(Stage.SCORING, unlocked_by="predict_proba(tasks)"),
        "probabilities_not_uniform": CheckNote(Stage.SCORING, "no-signal", "predict_proba(tasks)"),
        "permutation_equivariant": CheckNote(Stage.SCORING, "position-prior", "score_made_up(tasks)"),
        "calibrated": CheckNote(Stage.SCORING, "over-confident", "predict_proba(tasks)"),
        "ranking_carries_over": CheckNote(Stage.BASELINE, "lost-after-training", "train(progress)"),
        "recall_even_by_slot": CheckNote(Stage.SCORING, "position-prior"),
        "reported_metrics": CheckNote(Stage.METRIC, "metric-wrong", "reported_metrics()"),
        "recall_within_ceiling": CheckNote(Stage.METRIC, ABOVE_CEILING, "oracle_proba(tasks)"),
        "recall_beats_baseline": CheckNote(Stage.BASELINE, "no-signal"),
        "no_regression": CheckNote(Stage.BASELINE, "regression"),
        "throughput": CheckNote(Stage.BASELINE, "slower"),
    }
)
"""Every check of the suite by its family."""

_OTHER = CheckNote(Stage.BASELINE)


def family_of(check: str) -> str:
    """A check's name without its cutoff; a check of the data is the same one whether on training or held-out tasks."""
    plain = check.partition("[")[0]
    return plain.removeprefix("training_") if plain.removeprefix("training_") in CHECKS else plain


def check_note(check: str) -> CheckNote:
    """What a check looks at; one of the user's own counts as the last."""
    return CHECKS.get(family_of(check), _OTHER)


def fault_note(name: str) -> FaultNote:
    """The note of a fault; a name that nobody has written one for counts as a seen fault of the last stage."""
    if name in FAULTS:
        return FAULTS[name]
    empty: frozenset[str] = frozenset()
    return FaultNote(name, Stage.BASELINE, f"A check named {name!r}.", "", False, empty, empty, empty, False)
