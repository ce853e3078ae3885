"""Faults with all that they bring about: whatever fails with it, the fault is named and explains it.

Whole runs are in `test_recorded_diagnoses`; these are combinations that no recorded run has, such as several readings of one
fault at once, made of the verdicts that runs have.
"""

from __future__ import annotations

import pytest

from diagnosis.patterns import CHANCE, found
from diagnosis.recorded_verdicts import has_failed, pattern, records
from recorded.compare import family
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.finding import Strength, Suspected

EVEN = {"probabilities_not_uniform": "no-signal"}
FLAT = {**EVEN, **CHANCE}
STUCK = {"loss_below_random": "no-signal", **FLAT}
SHORT = {"loss_below_random": "under-trained", **FLAT}
MISREAD = {"scores_match_forward_pass": "scores-not-from-model", **CHANCE}
UNEXPECTED = {"letter_mass": Suspected(WRONG_LETTER_VARIANT, Strength.SYMPTOM)}
UNTRAINED = {"adapter_active": "adapter-inactive", **UNEXPECTED, **FLAT}
PRIOR = {"probabilities_not_uniform": "position-prior", "permutation_equivariant": "position-prior"}
BY_POSITION = {**PRIOR, "recall_uniform_by_position": "position-prior"}
WRONG_METRIC = {"reported_metrics_correct": "metric-wrong"}
LEAKED = {"recall_within_ceiling": "prompt-leak"}
NO_UPDATE = {"only_trainable_weights_updated": "no-update"}

UNRECORDED = {
    "letter_mass": {"share_of_users_below": 1.0},
    "loss_below_random": {"log10_e_value": 0.1},
    "no_text_artifact_leak": {"p_value": 1e-9},
    "recall_uniform_by_position": {"largest_difference": 0.6},
    "recall_beats_baseline": {"recall": 0.25},
    "only_trainable_weights_updated": {"tensors_not_finite": 2},
    "scores_match_forward_pass": {"users_far_apart": 32},
    "no_regression": {"recall": 0.4},
}
"""Figures of the verdicts that no run has."""

CASES = [
    ("target-not-listed", {"gt_in_candidates": "target-not-listed", **CHANCE}),
    (
        "target-not-listed",
        {"gt_in_candidates": "target-not-listed", "recall_beats_baseline": "target-not-listed"},
    ),
    ("target-not-listed", {"gt_in_candidates": "target-not-listed", "users_accounted_for": "survivorship"}),
    (
        "target-listed-twice",
        {"gt_in_candidates": "target-listed-twice", "prompt_complete": "prompt-truncated"},
    ),
    ("history-leak", {"no_history_leak": "history-leak", "recall_beats_baseline": "history-ignored"}),
    (
        "target-position-skew",
        {
            "target_positions_uniform": "target-position-skew",
            "recall_beats_baseline": "baseline-not-beaten",
            "recall_uniform_by_position": "position-prior",
            **LEAKED,
        },
    ),
    (
        "target-position-skew",
        {
            "training_target_positions_uniform": "target-position-skew",
            "loss_below_letter_prior": "position-prior",
            **PRIOR,
            **CHANCE,
        },
    ),
    ("split-overlap", {"split_disjoint": "split-overlap", **LEAKED}),
    ("temporal-leak", {"no_future_training_data": "temporal-leak", **LEAKED}),
    (
        "prompt-leak",
        {
            "prompt_independent_of_target": "prompt-leak",
            "scores_match_forward_pass": "scores-not-from-model",
            "recall_beats_baseline": "history-ignored",
            **LEAKED,
        },
    ),
    (
        "degenerate-titles",
        {
            "titles_distinct": "degenerate-titles",
            "no_text_artifact_leak": "text-artifact-leak",
            "prompt_complete": "prompt-truncated",
            "probabilities_not_uniform": "position-prior",
            "loss_below_random": "no-signal",
            **CHANCE,
        },
    ),
    ("text-artifact-leak", {"no_text_artifact_leak": "text-artifact-leak"}),
    ("no-signal", STUCK),
    ("no-signal", SHORT),
    ("label-offset", {"gt_in_candidates": "label-offset", **WRONG_METRIC, **CHANCE}),
    ("label-offset", {"only_letter_supervised": "label-offset", **STUCK}),
    (
        "label-offset",
        {"training_gt_in_candidates": "label-offset", "only_letter_supervised": "label-offset", **STUCK},
    ),
    ("multi-token-letter", {"letter_tokens_found": "multi-token-letter", **MISREAD}),
    ("wrong-letter-variant", {"letter_tokens_found": "wrong-letter-variant", **UNEXPECTED, **MISREAD}),
    ("wrong-letter-variant", {"scores_match_forward_pass": "wrong-letter-variant", **CHANCE}),
    (
        "letters-exhausted",
        {"letter_tokens_found": "letters-exhausted", "no_order_fallback": "silent-fallback", **MISREAD},
    ),
    (
        "letter-collision",
        {"letter_tokens_found": "letter-collision", "scores_well_formed": "ties-decide", **CHANCE},
    ),
    (
        "prompt-truncated",
        {"prompt_complete": "prompt-truncated", "prompts_match": "prompt-skew", **UNEXPECTED, **CHANCE},
    ),
    ("letter-candidate-mismatch", {"prompt_complete": "letter-candidate-mismatch", **STUCK}),
    ("prompt-skew", {"prompts_match": "prompt-skew", "probabilities_not_uniform": "position-prior", **CHANCE}),
    (
        "silent-fallback",
        {
            "scores_well_formed": "ties-decide",
            "probabilities_not_uniform": "silent-fallback",
            "scores_match_forward_pass": "silent-fallback",
            **CHANCE,
        },
    ),
    ("silent-fallback", {"no_order_fallback": "silent-fallback", **BY_POSITION, **WRONG_METRIC, **MISREAD}),
    (
        "silent-fallback",
        {
            "no_order_fallback": "silent-fallback",
            "scores_match_forward_pass": "position-prior",
            "probabilities_not_uniform": "position-prior",
            **CHANCE,
        },
    ),
    ("no-update", {"training_planned": "no-update", **NO_UPDATE, **UNTRAINED, "loss_below_random": "no-update"}),
    ("no-update", {**NO_UPDATE, **SHORT}),
    ("diverged", {"loss_below_random": "diverged", **PRIOR, "calibrated": "over-confident", **CHANCE}),
    ("diverged", {"loss_below_random": "diverged", "scores_well_formed": "silent-nan"}),
    (
        "no-trainable-parameters",
        {
            **dict.fromkeys(
                ("training_planned", "only_trainable_weights_updated", "loss_below_random"),
                "no-trainable-parameters",
            ),
            **UNTRAINED,
        },
    ),
    ("loss-mask-wrong", {"only_letter_supervised": "loss-mask-wrong", **STUCK}),
    ("loss-mask-wrong", {"loss_recorded_per_letter": "loss-mask-wrong", **FLAT}),
    (
        "letter-not-supervised",
        {"only_letter_supervised": "letter-not-supervised", **STUCK, "loss_below_random": "diverged"},
    ),
    (
        "anti-learning",
        {"loss_below_random": "anti-learning", "recall_beats_baseline": "reversed", "calibrated": "over-confident"},
    ),
    ("under-trained", {"training_planned": "under-trained", **SHORT}),
    ("silent-nan", {"loss_below_random": "silent-nan"}),
    (
        "silent-nan",
        dict.fromkeys(("loss_below_random", "only_trainable_weights_updated", "scores_well_formed"), "silent-nan"),
    ),
    ("frozen-weights-updated", {"only_trainable_weights_updated": "frozen-weights-updated"}),
    (
        "adapter-inactive",
        {"adapter_active": "adapter-inactive", "survives_reload": "adapter-inactive", **FLAT},
    ),
    (
        "adapter-inactive",
        {"survives_reload": "adapter-inactive", "scores_match_forward_pass": "scores-not-from-model"},
    ),
    (
        "not-trained",
        {"config_obeyed": "not-trained", **NO_UPDATE, **UNTRAINED, "loss_below_random": "not-trained"},
    ),
    ("config-ignored", {"config_obeyed": "config-ignored", **SHORT}),
    ("config-ignored", {"config_obeyed": "config-ignored", **NO_UPDATE, **UNTRAINED}),
    ("batch-dependent", {"batch_invariant": "batch-dependent", **WRONG_METRIC, **MISREAD}),
    (
        "wrong-logit-position",
        {"logit_position_correct": "wrong-logit-position", "prompts_match": "prompt-skew", **MISREAD},
    ),
    ("wrong-logit-position", {"scores_match_forward_pass": "wrong-logit-position", **FLAT}),
    ("ties-decide", {"scores_well_formed": "ties-decide", **WRONG_METRIC, **CHANCE}),
    (
        "reversed",
        {
            "scores_match_forward_pass": "reversed",
            "recall_beats_baseline": "reversed",
            "calibrated": "over-confident",
            **WRONG_METRIC,
        },
    ),
    ("position-prior", {"scores_match_forward_pass": "position-prior", **BY_POSITION, **CHANCE}),
    (
        "nondeterministic",
        {
            "scores_deterministic": "nondeterministic",
            "batch_invariant": "batch-dependent",
            "survives_reload": "adapter-inactive",
            **WRONG_METRIC,
            **MISREAD,
        },
    ),
    (
        "stale-checkpoint",
        {"adapter_active": "adapter-inactive", "survives_reload": "adapter-inactive", **EVEN, **MISREAD},
    ),
    ("rows-misaligned", {"scores_match_forward_pass": "rows-misaligned", **CHANCE}),
    ("scores-not-from-model", {"scores_match_forward_pass": "scores-not-from-model"}),
    (
        "history-ignored",
        {"recall_beats_baseline": "history-ignored", "scores_match_forward_pass": "scores-not-from-model"},
    ),
    ("over-confident", {"calibrated": "over-confident"}),
    ("regression", {"no_regression": "regression"}),
]


def name_of(value: object) -> str:
    return value if isinstance(value, str) else "-".join(value)


@pytest.mark.parametrize(("fault", "failed"), CASES, ids=name_of)
def test_the_fault_is_named_and_explains_all_that_failed(fault, failed):
    unrecorded = [check for check, of in failed.items() if not has_failed(check, str(getattr(of, "fault", of)))]
    diagnosis = found(pattern(failed, measured={check: UNRECORDED[check] for check in unrecorded}))
    assert diagnosis.fault == fault
    assert {family(check) for check in diagnosis.explains} == set(failed)
    assert 1 <= len(diagnosis.evidence) <= 5
    assert diagnosis.runner_up is None or diagnosis.runner_up.fault != fault


def test_no_case_is_a_whole_recorded_run():
    whole = {
        frozenset((family(name), each["fault"]) for name, each in one["verdicts"].items() if each["fault"])
        for one in records().values()
    }
    names = [{check: getattr(of, "fault", of) for check, of in failed.items()} for _, failed in CASES]
    assert [
        failed for failed in names if frozenset((check, str(of)) for check, of in failed.items()) in whole
    ] == []
