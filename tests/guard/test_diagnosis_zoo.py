"""Every fault of the zoo by the verdicts that fail under it, in its full consequences: the diagnosis names it."""

from __future__ import annotations

import pytest

from guard.verdict_patterns import pattern
from rerank_guard.diagnosis import Certainty, diagnose

UNIFORM = {"probabilities_not_uniform": "no-signal"}
CHANCE = {"recall_beats_baseline": "no-signal"}
STUCK = {"loss_below_random": "no-signal", **UNIFORM, **CHANCE}
MISREAD = {"scores_match_reference": "scores-not-from-model", **CHANCE}
UNTRAINED = {"adapter_active": "adapter-inactive", "letter_mass": "wrong-letter-variant", **UNIFORM, **CHANCE}

ZOO = [
    ("D1", {"gt_in_candidates": "gt-missing", **CHANCE}, "gt-missing"),
    (
        "D1, by the ranking alone",
        {"gt_in_candidates": "gt-missing", "recall_beats_baseline": "gt-missing"},
        "gt-missing",
    ),
    ("D2", {"gt_in_candidates": "gt-duplicate", "prompt_complete": "prompt-truncated"}, "gt-duplicate"),
    ("D3", {"gt_in_candidates": "duplicate-candidates"}, "duplicate-candidates"),
    ("D4", {"no_history_leak": "history-leak", "recall_beats_baseline": "history-ignored"}, "history-leak"),
    (
        "D5, test",
        {
            "target_slots_even": "gt-position-skew",
            "recall_beats_baseline": "baseline-not-beaten",
            "recall_within_ceiling": "prompt-leak",
            "recall_even_by_slot": "position-prior",
        },
        "gt-position-skew",
    ),
    (
        "D5, training",
        {
            "training_target_slots_even": "gt-position-skew",
            "loss_below_letter_prior": "position-prior",
            "probabilities_not_uniform": "position-prior",
            "permutation_equivariant": "position-prior",
            **CHANCE,
        },
        "gt-position-skew",
    ),
    ("D6", {"split_disjoint": "split-overlap", "recall_within_ceiling": "prompt-leak"}, "split-overlap"),
    ("D7", {"no_future_training_data": "temporal-leak", "recall_within_ceiling": "prompt-leak"}, "temporal-leak"),
    (
        "D8",
        {
            "prompt_blind_to_target": "prompt-leak",
            "scores_match_reference": "scores-not-from-model",
            "recall_beats_baseline": "history-ignored",
            "recall_within_ceiling": "prompt-leak",
        },
        "prompt-leak",
    ),
    (
        "D9",
        {
            "titles_tell_apart": "degenerate-titles",
            "no_surface_giveaway": "surface-giveaway",
            "prompt_complete": "prompt-truncated",
            "probabilities_not_uniform": "position-prior",
            "loss_below_random": "no-signal",
            **CHANCE,
        },
        "degenerate-titles",
    ),
    ("D10", STUCK, "no-signal"),
    ("D10, a short job", {**STUCK, "loss_below_random": "under-trained"}, "no-signal"),
    (
        "D11, test",
        {"gt_in_candidates": "label-offset", "reported_metrics": "metric-wrong", **CHANCE},
        "label-offset",
    ),
    ("D11, training", {"only_letter_supervised": "label-offset", **STUCK}, "label-offset"),
    (
        "D11, training data",
        {"training_gt_in_candidates": "label-offset", "only_letter_supervised": "label-offset", **STUCK},
        "label-offset",
    ),
    ("D12", {"users_accounted_for": "survivorship"}, "survivorship"),
    ("D12, kept", {"gt_in_candidates": "gt-missing", "users_accounted_for": "survivorship"}, "gt-missing"),
    ("T1", {"letter_tokens_found": "multi-token-letter", **MISREAD}, "multi-token-letter"),
    (
        "T2, told",
        {"letter_tokens_found": "wrong-letter-variant", "letter_mass": "wrong-letter-variant", **MISREAD},
        "wrong-letter-variant",
    ),
    ("T2, silent", {"scores_match_reference": "wrong-letter-variant", **CHANCE}, "wrong-letter-variant"),
    (
        "T3",
        {"letter_tokens_found": "letters-exhausted", "no_order_fallback": "silent-fallback", **MISREAD},
        "letters-exhausted",
    ),
    (
        "T4",
        {"letter_tokens_found": "letter-collision", "scores_well_formed": "ties-decide", **CHANCE},
        "letter-collision",
    ),
    (
        "T5",
        {
            "prompt_complete": "prompt-truncated",
            "prompts_match": "prompt-skew",
            "letter_mass": "wrong-letter-variant",
        }
        | CHANCE,
        "prompt-truncated",
    ),
    (
        "T6",
        {"prompts_match": "prompt-skew", "probabilities_not_uniform": "position-prior", **CHANCE},
        "prompt-skew",
    ),
    ("T6, harmless", {"prompts_match": "prompt-skew"}, "prompt-skew"),
    (
        "T7, uniform",
        {
            "scores_well_formed": "ties-decide",
            "probabilities_not_uniform": "silent-fallback",
            "scores_match_reference": "silent-fallback",
            **CHANCE,
        },
        "silent-fallback",
    ),
    (
        "T7, input order",
        {
            "no_order_fallback": "silent-fallback",
            "scores_match_reference": "scores-not-from-model",
            "probabilities_not_uniform": "position-prior",
            "permutation_equivariant": "position-prior",
            "recall_even_by_slot": "position-prior",
            "reported_metrics": "metric-wrong",
            **CHANCE,
        },
        "silent-fallback",
    ),
    (
        "T7, input order, as one row for all",
        {
            "no_order_fallback": "silent-fallback",
            "scores_match_reference": "position-prior",
            "probabilities_not_uniform": "position-prior",
            **CHANCE,
        },
        "silent-fallback",
    ),
    (
        "O1, rate 0",
        {
            "training_planned": "no-update",
            "weights_moved": "no-update",
            "loss_below_random": "no-update",
            **UNTRAINED,
        },
        "no-update",
    ),
    ("O1, too small", {"weights_moved": "no-update", **STUCK, "loss_below_random": "under-trained"}, "no-update"),
    (
        "O2",
        {
            "loss_below_random": "diverged",
            "probabilities_not_uniform": "position-prior",
            "permutation_equivariant": "position-prior",
            "calibrated": "over-confident",
            **CHANCE,
        },
        "diverged",
    ),
    ("O2, into NaN", {"loss_below_random": "diverged", "scores_well_formed": "silent-nan"}, "diverged"),
    (
        "O3",
        {
            "training_planned": "no-trainable-parameters",
            "weights_moved": "no-trainable-parameters",
            "loss_below_random": "no-trainable-parameters",
            **UNTRAINED,
        },
        "no-trainable-parameters",
    ),
    ("O4", {"only_letter_supervised": "loss-mask-wrong", **STUCK}, "loss-mask-wrong"),
    ("O4, recorded so", {"loss_recorded_per_letter": "loss-mask-wrong", **UNIFORM, **CHANCE}, "loss-mask-wrong"),
    (
        "O5",
        {"only_letter_supervised": "letter-not-supervised", **STUCK, "loss_below_random": "diverged"},
        "letter-not-supervised",
    ),
    (
        "O6",
        {"loss_below_random": "anti-learning", "recall_beats_baseline": "reversed", "calibrated": "over-confident"},
        "anti-learning",
    ),
    (
        "O7, planned",
        {"training_planned": "under-trained", **STUCK, "loss_below_random": "under-trained"},
        "under-trained",
    ),
    ("O8", {"loss_below_random": "silent-nan"}, "silent-nan"),
    (
        "O8, throughout",
        {"loss_below_random": "silent-nan", "weights_moved": "silent-nan", "scores_well_formed": "silent-nan"},
        "silent-nan",
    ),
    (
        "O9, inactive",
        {"adapter_active": "adapter-inactive", "survives_reload": "adapter-inactive", **UNIFORM, **CHANCE},
        "adapter-inactive",
    ),
    ("O9, lost on saving", {"survives_reload": "adapter-inactive"}, "adapter-inactive"),
    (
        "O9, doubled",
        {"survives_reload": "adapter-inactive", "scores_match_reference": "scores-not-from-model"},
        "adapter-inactive",
    ),
    (
        "O10",
        {
            "config_obeyed": "not-trained",
            "weights_moved": "no-update",
            "loss_below_random": "not-trained",
            **UNTRAINED,
        },
        "not-trained",
    ),
    ("O11", {"config_obeyed": "config-ignored", **STUCK, "loss_below_random": "under-trained"}, "config-ignored"),
    (
        "O11, to rate 0",
        {"config_obeyed": "config-ignored", "weights_moved": "no-update", **UNTRAINED},
        "config-ignored",
    ),
    (
        "S1",
        {"batch_invariant": "batch-dependent", "reported_metrics": "metric-wrong", **MISREAD},
        "batch-dependent",
    ),
    (
        "S2, told",
        {"letter_read_last": "wrong-logit-position", "prompts_match": "prompt-skew", **MISREAD},
        "wrong-logit-position",
    ),
    ("S2, silent", {"scores_match_reference": "wrong-logit-position", **UNIFORM, **CHANCE}, "wrong-logit-position"),
    ("S3", {"scores_well_formed": "ties-decide", "reported_metrics": "metric-wrong", **CHANCE}, "ties-decide"),
    ("S3, rounded", {"scores_well_formed": "ties-decide", "scores_match_reference": "ties-decide"}, "ties-decide"),
    (
        "S4",
        {
            "scores_match_reference": "reversed",
            "recall_beats_baseline": "reversed",
            "calibrated": "over-confident",
            "reported_metrics": "metric-wrong",
        },
        "reversed",
    ),
    (
        "S5",
        {
            "scores_match_reference": "position-prior",
            "probabilities_not_uniform": "position-prior",
            "permutation_equivariant": "position-prior",
            "recall_even_by_slot": "position-prior",
            **CHANCE,
        },
        "position-prior",
    ),
    (
        "S6",
        {
            "scores_deterministic": "nondeterministic",
            "batch_invariant": "batch-dependent",
            "survives_reload": "adapter-inactive",
            "reported_metrics": "metric-wrong",
            **MISREAD,
        },
        "nondeterministic",
    ),
    (
        "S7, an adapter",
        {
            "adapter_active": "adapter-inactive",
            "survives_reload": "adapter-inactive",
            **UNIFORM,
            **MISREAD,
        },
        "stale-checkpoint",
    ),
    ("S8", {"recall_beats_baseline": "history-ignored"}, "history-ignored"),
    (
        "S8, other histories",
        {"recall_beats_baseline": "history-ignored", "scores_match_reference": "scores-not-from-model"},
        "history-ignored",
    ),
    ("M1", {"reported_metrics": "vacuous-metric"}, "vacuous-metric"),
    ("M2, inserted", {"gt_in_candidates": "gt-missing", "reported_metrics": "metric-tampered"}, "metric-tampered"),
    ("M3", {"reported_metrics": "metric-wrong"}, "metric-wrong"),
    ("B1", {"recall_beats_baseline[K=20]": "baseline-not-beaten"}, "baseline-not-beaten"),
    ("B2", {"no_regression": "regression"}, "regression"),
    ("B3", {"throughput": "slower"}, "slower"),
    ("not of the zoo", {"no_surface_giveaway": "surface-giveaway"}, "surface-giveaway"),
    ("not of the zoo", {"prompt_not_forged": "titles-forge-prompt"}, "titles-forge-prompt"),
    ("not of the zoo", {"weights_moved": "frozen-weights-moved"}, "frozen-weights-moved"),
    ("not of the zoo", {"scores_match_reference": "rows-misaligned", **CHANCE}, "rows-misaligned"),
    ("not of the zoo", {"prompt_complete": "letter-candidate-mismatch", **STUCK}, "letter-candidate-mismatch"),
    ("not of the zoo", {"scores_match_reference": "scores-not-from-model"}, "scores-not-from-model"),
    ("not of the zoo", {"calibrated": "over-confident"}, "over-confident"),
    ("not of the zoo", {"no_regression": "incomparable-runs"}, "incomparable-runs"),
]


@pytest.mark.parametrize(("which", "failed", "fault"), ZOO, ids=[f"{entry[0]}-{entry[2]}" for entry in ZOO])
def test_the_fault_is_named_and_explains_all_that_failed(
    which: str, failed: dict[str, str | None], fault: str
) -> None:
    found = diagnose(pattern(failed))
    assert found is not None, which
    assert found.fault == fault
    assert found.cause
    assert found.fix
    assert 1 <= len(found.evidence) <= 5
    families = {check.partition("[")[0] for check in found.explains}
    assert families == {check.partition("[")[0] for check in failed}, (
        f"{which}: the fault explains what failed with it"
    )
    assert found.runner_up is None or found.runner_up.fault != fault


@pytest.mark.parametrize(
    ("failed", "certainty"),
    [
        ({"gt_in_candidates": "gt-missing", **CHANCE}, Certainty.SEEN),
        ({"target_slots_even": "gt-position-skew"}, Certainty.LIKELY),
        ({"recall_beats_baseline": "baseline-not-beaten"}, Certainty.LIKELY),
        ({"training_planned": "under-trained"}, Certainty.SEEN),
        ({"scores_well_formed": "ties-decide"}, Certainty.SEEN),
        (STUCK, Certainty.LIKELY),
    ],
)
def test_the_certainty_is_that_of_the_proof(failed: dict[str, str | None], certainty: Certainty) -> None:
    found = diagnose(pattern(failed))
    assert found is not None
    assert found.certainty is certainty


SAME_TO_THE_USER = {"adapter-inactive": "stale-checkpoint"}
"""The trained weights are not in what was scored; which of the two it is hangs on what else fails."""


def test_of_two_faults_together_one_is_named_and_never_a_third() -> None:
    pairs = 0
    for number, (which, failed, fault) in enumerate(ZOO):
        for other_which, other_failed, other in ZOO[number + 1 :]:
            if any(failed[check] != other_failed[check] for check in failed.keys() & other_failed.keys()):
                continue  # one check gives one name; what it would say of both is not known
            found = diagnose(pattern({**failed, **other_failed}))
            assert found is not None
            names = {SAME_TO_THE_USER.get(name, name) for name in (fault, other)}
            assert SAME_TO_THE_USER.get(found.fault, found.fault) in names, f"{which} and {other_which}"
            pairs += 1
    assert pairs > 1000


def test_a_symptom_is_never_named_beside_a_fault_that_was_seen() -> None:
    """Every seen fault, with a ranking at chance on top: the ranking is its consequence or its runner-up."""
    for which, failed, fault in ZOO:
        if "recall_beats_baseline" in failed or any(check.startswith("recall") for check in failed):
            continue
        found = diagnose(pattern({**failed, **CHANCE}))
        assert found is not None
        if fault not in {"slower", "regression", "incomparable-runs", "titles-forge-prompt", "over-confident"}:
            assert SAME_TO_THE_USER.get(found.fault, found.fault) == SAME_TO_THE_USER.get(fault, fault), which
