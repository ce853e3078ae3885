"""The rules of the diagnosis: which of several faults is named, what stays open, and what is excluded."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

import rerank_guard
from guard.verdict_patterns import ALL, pattern
from rerank_guard.diagnosis import CHECKS, FAULTS, UNDECIDED, Certainty, Diagnosis, Probe, Stage, diagnose
from rerank_guard.diagnosis.catalogue import family_of
from rerank_guard.diagnosis.note import ABOVE_CEILING, LETTERS_UNLIKELY
from rerank_guard.verdict import Status, Verdict

ZOO = frozenset(
    [
        "gt-missing",
        "gt-duplicate",
        "duplicate-candidates",
        "history-leak",
        "gt-position-skew",
        "split-overlap",
        "temporal-leak",
        "prompt-leak",
        "degenerate-titles",
        "no-signal",
        "label-offset",
        "survivorship",
        "multi-token-letter",
        "wrong-letter-variant",
        "letters-exhausted",
        "letter-collision",
        "prompt-truncated",
        "prompt-skew",
        "silent-fallback",
        "no-update",
        "diverged",
        "no-trainable-parameters",
        "loss-mask-wrong",
        "letter-not-supervised",
        "anti-learning",
        "under-trained",
        "not-trained",
        "config-ignored",
        "silent-nan",
        "adapter-inactive",
        "batch-dependent",
        "wrong-logit-position",
        "ties-decide",
        "reversed",
        "position-prior",
        "nondeterministic",
        "stale-checkpoint",
        "history-ignored",
        "vacuous-metric",
        "metric-tampered",
        "metric-wrong",
        "baseline-not-beaten",
        "regression",
        "slower",
    ]
)

MINIMAL = ("gt_in_candidates", "scores_well_formed", "recall_beats_baseline")
CHANCE: dict[str, str | None] = {"recall_beats_baseline": "no-signal"}


SEEN_BY_ONE = sorted(
    name
    for name, entry in FAULTS.items()
    if entry.stage < Stage.METRIC and entry.seen_by and not entry.symptom and not entry.aside
)


def found(verdicts: list[Verdict], *probes: Probe) -> Diagnosis:
    diagnosis = diagnose(verdicts, probes)
    assert diagnosis is not None
    return diagnosis


def alternatives(diagnosis: Diagnosis) -> set[str]:
    return {row.partition(":")[0] for row in diagnosis.alternatives}


def faults_in_source() -> set[str]:
    """Names that a check gives: keys of `_EXPLANATIONS` and the like, and what is assigned to `fault`."""
    names: set[str] = set()
    for path in (Path(rerank_guard.__file__).parent / "checks").glob("*.py"):
        text = path.read_text()
        for table in re.findall(r"^_(?:EXPLANATIONS|CAUSES|NEXT_STEPS)\b[^{]*\{(.*?)^\}", text, re.S | re.M):
            names |= set(re.findall(r'^    "([a-z]+(?:-[a-z]+)*)":', table, re.M))
        names |= set(
            re.findall(r'\bfault\b[^"\n]{0,40}"([a-z]+(?:-[a-z]+)+|reversed|diverged|slower|regression)"', text)
        )
    return names - {"leave-last-out", "time", "random"}  # kinds of split, not faults


def test_every_fault_has_a_note() -> None:
    assert set(ZOO) <= set(FAULTS)
    used = faults_in_source()
    assert len(used) > 20, "the pattern still finds the names in the source"
    assert used - set(FAULTS) == set()


def test_notes_speak_of_known_faults_and_checks() -> None:
    for name, entry in FAULTS.items():
        assert entry.name == name
        assert entry.what.endswith(".")
        assert entry.fix.endswith(".")
        assert entry.explains <= set(FAULTS) | {ABOVE_CEILING, LETTERS_UNLIKELY}, name
        assert entry.confused_with <= set(FAULTS) - {name}, name
        assert entry.seen_by <= set(CHECKS), name


def test_symptoms_are_those_that_say_how_it_looks() -> None:
    symptoms = {name for name, entry in FAULTS.items() if entry.symptom}
    assert {"no-signal", "under-trained", "ties-decide", "position-prior"} <= symptoms
    assert {"baseline-not-beaten", "history-ignored", "regression"} <= symptoms
    assert not {"anti-learning", "diverged", "gt-missing", "prompt-skew"} & symptoms


def test_every_check_of_the_suite_is_known() -> None:
    assert {family_of(check) for check in ALL} <= set(CHECKS)
    assert family_of("training_planned") == "training_planned"
    assert family_of("training_gt_in_candidates") == "gt_in_candidates"


def test_a_sound_run_has_no_diagnosis() -> None:
    assert diagnose(pattern({})) is None
    assert diagnose(pattern({}, only=MINIMAL)) is None
    assert diagnose([]) is None


def test_the_most_upstream_of_independent_faults_is_named_and_the_next_is_runner_up() -> None:
    both = found(pattern({"no_history_leak": "history-leak", "batch_invariant": "batch-dependent"}))
    assert both.fault == "history-leak"
    assert both.explains == ("no_history_leak",)
    assert both.runner_up is not None
    assert (both.runner_up.fault, both.runner_up.check) == ("batch-dependent", "batch_invariant")
    assert both.runner_up.why


def test_what_follows_from_the_fault_is_not_the_runner_up() -> None:
    diagnosis = found(pattern({"prompt_complete": "prompt-truncated", "prompts_match": "prompt-skew"}))
    assert diagnosis.fault == "prompt-truncated"
    assert set(diagnosis.explains) == {"prompt_complete", "prompts_match"}
    assert diagnosis.runner_up is None or diagnosis.runner_up.fault != "prompt-skew"


def test_a_seen_fault_comes_before_a_measured_one() -> None:
    diagnosis = found(pattern({"target_slots_even": "gt-position-skew", "batch_invariant": "batch-dependent"}))
    assert (diagnosis.fault, diagnosis.certainty) == ("batch-dependent", Certainty.SEEN)
    assert diagnosis.runner_up is not None
    assert diagnosis.runner_up.fault == "gt-position-skew"


def test_a_comparison_with_another_run_does_not_hide_a_ranking_at_chance() -> None:
    for check, fault in (("no_regression", "incomparable-runs"), ("throughput", "slower")):
        failed: dict[str, str | None] = {check: fault, "loss_below_random": "no-signal", **CHANCE}
        diagnosis = found([replace(v, p_failed=None) if v.fault == fault else v for v in pattern(failed)])
        assert diagnosis.fault == "no-signal"
        assert diagnosis.runner_up is not None
        assert diagnosis.runner_up.fault == fault


def test_an_exact_finding_is_not_explained_away_by_a_poor_ranking() -> None:
    diagnosis = found(pattern({"weights_moved": "no-update", "training_planned": "under-trained"}))
    assert diagnosis.fault == "no-update" or diagnosis.runner_up is not None
    assert set(diagnosis.explains) != {"weights_moved", "training_planned"}


def test_no_update_does_not_explain_a_poor_ranking_after_a_loss_that_fell() -> None:
    diagnosis = found(pattern({"weights_moved": "no-update", **CHANCE}))
    assert diagnosis.fault == "no-update", "it was seen: one layer is out of the graph"
    assert diagnosis.explains == ("weights_moved",)
    assert diagnosis.runner_up is not None
    assert diagnosis.runner_up.check.startswith("recall_beats_baseline")


def test_the_scoring_does_not_explain_a_job_that_never_learned() -> None:
    failed: dict[str, str | None] = {
        "loss_below_random": "no-signal",
        "probabilities_not_uniform": "position-prior",
        "permutation_equivariant": "position-prior",
        **CHANCE,
    }
    diagnosis = found(pattern(failed))
    assert diagnosis.fault == "no-signal"
    assert "permutation_equivariant" in diagnosis.explains


def test_a_letter_prior_explains_a_ranking_at_chance() -> None:
    failed: dict[str, str | None] = {"recall_even_by_slot": "position-prior", **CHANCE}
    diagnosis = found(pattern(failed, only=(*MINIMAL, "recall_even_by_slot")))
    assert (diagnosis.fault, diagnosis.certainty) == ("position-prior", Certainty.LIKELY)


def test_a_loss_explained_by_uneven_slots_means_uneven_slots() -> None:
    failed: dict[str, str | None] = {"loss_below_letter_prior": "position-prior", **CHANCE}
    diagnosis = found(pattern(failed, missing=("training_target_slots_even",)))
    assert diagnosis.fault == "gt-position-skew"
    assert "loss_below_letter_prior" in diagnosis.explains


def test_a_prior_that_loses_to_a_better_prior_ignores_the_history() -> None:
    failed: dict[str, str | None] = {"recall_beats_baseline": "baseline-not-beaten"}
    figures = {"recall_beats_baseline": {"recall": 0.60}}
    same = found(pattern(failed, measured=figures, threshold={"recall_beats_baseline": {"history-blind": 0.595}}))
    assert same.fault == "history-ignored"
    less = found(pattern(failed, measured=figures, threshold={"recall_beats_baseline": {"history-blind": 0.45}}))
    assert less.fault == "baseline-not-beaten"


def test_learned_and_yet_at_chance_lies_between_training_and_scoring() -> None:
    diagnosis = found(pattern(CHANCE, missing=("prompts_match", "scores_match_reference", "adapter_active")))
    assert diagnosis.certainty is Certainty.OPEN
    assert "between training and scoring" in diagnosis.cause
    assert "1.50" in diagnosis.cause
    assert diagnosis.fault in {"prompt-skew", "wrong-letter-variant"}, "the probabilities say something"
    assert {"stale-checkpoint", "prompt-skew", "rows-misaligned"} - {diagnosis.fault} <= alternatives(diagnosis)
    settled = [row for row in (*diagnosis.alternatives, f"{diagnosis.fault}:") if row.startswith("rows-misaligned")]
    assert settled == ["rows-misaligned: add next_token_logits(prompts) to the target for scores_match_reference"]


def test_scores_that_say_nothing_after_a_good_job_are_another_checkpoint() -> None:
    failed: dict[str, str | None] = {"probabilities_not_uniform": "no-signal", **CHANCE}
    diagnosis = found(pattern(failed, missing=("adapter_active", "scores_match_reference", "survives_reload")))
    assert diagnosis.fault == "stale-checkpoint"
    assert diagnosis.certainty is Certainty.OPEN
    assert "adapter-inactive" in alternatives(diagnosis)
    failed["probabilities_not_uniform"] = "position-prior"
    figures = {"probabilities_not_uniform": {"pair_share": 0.002}}
    some = found(pattern(failed, missing=("adapter_active", "scores_match_reference"), measured=figures))
    assert some.fault == "stale-checkpoint"


def test_one_row_for_all_users_is_a_prior_and_not_another_checkpoint() -> None:
    failed: dict[str, str | None] = {"probabilities_not_uniform": "position-prior", **CHANCE}
    figures = {"probabilities_not_uniform": {"pair_share": 0.0}}
    diagnosis = found(pattern(failed, missing=("adapter_active", "scores_match_reference"), measured=figures))
    assert diagnosis.fault == "position-prior"


def test_what_a_passed_check_would_have_seen_is_excluded() -> None:
    diagnosis = found(pattern(CHANCE, missing=("adapter_active", "batch_invariant")))
    left = alternatives(diagnosis) | {diagnosis.fault}
    assert left == {"stale-checkpoint", "adapter-inactive", "batch-dependent"}
    nothing = found(pattern(CHANCE))
    assert nothing.fault == "no-signal"
    assert nothing.alternatives == ()
    assert "made otherwise than the training tasks" in nothing.cause


def test_a_small_gain_need_not_show_in_the_ranking() -> None:
    small = {"loss_below_random": {"letter_nll": 3.80, "gain": 0.112}}
    diagnosis = found(pattern(CHANCE, missing=("prompts_match",), measured=small))
    assert "between training and scoring" not in diagnosis.cause


def test_without_a_training_job_a_flat_model_was_never_trained() -> None:
    failed: dict[str, str | None] = {"probabilities_not_uniform": "no-signal", **CHANCE}
    diagnosis = found(pattern(failed, only=(*MINIMAL, "probabilities_not_uniform")))
    assert diagnosis.fault == "stale-checkpoint"


def test_a_minimal_target_at_chance_stays_open_and_says_what_would_settle_it() -> None:
    diagnosis = found(pattern(CHANCE, only=MINIMAL))
    assert (diagnosis.fault, diagnosis.certainty) == ("no-signal", Certainty.OPEN)
    assert 2 <= len(diagnosis.alternatives) <= 6
    assert all(": add " in row for row in diagnosis.alternatives)
    assert diagnosis.runner_up is not None


def test_undecided_alone_accuses_nobody() -> None:
    diagnosis = found(pattern({}, inconclusive=("recall_beats_baseline", "loss_below_random")))
    assert (diagnosis.fault, diagnosis.certainty) == (UNDECIDED, Certainty.OPEN)
    assert len(diagnosis.explains) == 3
    assert diagnosis.fix


def test_what_is_undecided_downstream_is_explained_too() -> None:
    diagnosis = found(pattern({"gt_in_candidates": "gt-missing"}, inconclusive=("recall_beats_baseline",)))
    assert "recall_beats_baseline[K=20]" in diagnosis.explains


def test_a_job_cut_short_is_under_trained_and_one_that_ran_its_plan_is_not() -> None:
    failed: dict[str, str | None] = {"loss_below_random": "under-trained", **CHANCE}
    assert found(pattern(failed)).fault == "no-signal"
    short = {"loss_below_random": {"optimizer_steps": 20, "planned_steps": 300}}
    assert found(pattern(failed, measured=short)).fault == "under-trained"
    some = {"loss_below_random": {"log10_e_value": 8.0}}
    assert found(pattern(failed, measured=some)).fault == "under-trained"
    assert found(pattern(failed, missing=("training_planned",))).fault == "under-trained"


def test_a_probe_that_brings_the_figures_back_outranks_symptoms() -> None:
    probe = Probe(
        "every score's sign flipped", "reversed", "With it Recall@20 is 0.8 instead of 0.1.", 90.0, 0.8, 0.1
    )
    diagnosis = found(pattern(CHANCE, only=MINIMAL), probe)
    assert (diagnosis.fault, diagnosis.certainty) == ("reversed", Certainty.SEEN)
    assert probe.says in diagnosis.cause
    assert "recall_beats_baseline[K=20]" in diagnosis.explains
    failed: dict[str, str | None] = {"loss_below_random": "anti-learning", "recall_beats_baseline": "reversed"}
    assert found(pattern(failed), probe).fault == "anti-learning", "the sign is the training's"


def test_a_loss_that_rose_to_a_ranking_below_chance_has_the_wrong_sign() -> None:
    failed: dict[str, str | None] = {"loss_below_random": "diverged", "recall_beats_baseline": "reversed"}
    assert found(pattern(failed)).fault == "anti-learning"
    assert found(pattern({"loss_below_random": "diverged", **CHANCE})).fault == "diverged"


def test_a_probe_outranks_a_seen_fault_only_from_upstream() -> None:
    verdicts = pattern({"batch_invariant": "batch-dependent", **CHANCE})
    late = Probe("rotated", "letter-candidate-mismatch", "It is 0.8 instead of 0.4.", 50.0, 0.8, 0.4)
    assert found(verdicts, late).fault == "letter-candidate-mismatch"
    early = pattern({"gt_in_candidates": "gt-missing", **CHANCE})
    diagnosis = found(early, late)
    assert diagnosis.fault == "gt-missing"
    assert diagnosis.runner_up is not None
    assert diagnosis.runner_up.fault == "letter-candidate-mismatch"


def test_what_could_not_be_read_is_malformed() -> None:
    verdicts = [
        Verdict(
            check,
            Status.FAILED,
            "claim",
            {},
            {},
            n=0,
            evidence=("row 3 is None",),
            cause="malformed",
            next_step="mend",
        )
        for check in ("scores_well_formed", "recall_beats_baseline[K=20]")
    ]
    diagnosis = found(verdicts)
    assert (diagnosis.fault, diagnosis.certainty) == ("malformed-data", Certainty.SEEN)
    assert "row 3 is None" in " ".join(diagnosis.evidence)
    assert len(diagnosis.explains) == 2


def test_a_check_of_the_users_own_with_a_name_of_its_own_is_named() -> None:
    verdicts = [Verdict("my_check", Status.FAILED, "mine", {"x": 1}, {"x": 0}, n=1, fault="my-fault")]
    diagnosis = found(verdicts)
    assert diagnosis.fault == "my-fault"
    assert diagnosis.explains == ("my_check",)


@pytest.mark.parametrize("fault", SEEN_BY_ONE)
def test_how_many_checks_fail_downstream_does_not_change_a_seen_name(fault: str) -> None:
    """The fault seen by the check of its stage, with a poor ranking below: one name, whatever else looks bad."""
    check = next(iter(sorted(FAULTS[fault].seen_by)))
    looks: dict[str, str | None] = {"calibrated": "over-confident", **CHANCE}
    verdicts = [
        replace(verdict, p_failed=None) if verdict.check == check else verdict
        for verdict in pattern({check: fault, **looks})
    ]
    assert found(verdicts).fault == fault


def test_the_diagnosis_does_not_depend_on_the_order_of_equal_checks() -> None:
    failed: dict[str, str | None] = {
        "prompt_complete": "prompt-truncated",
        "prompts_match": "prompt-skew",
        "scores_match_reference": "scores-not-from-model",
        **CHANCE,
    }
    verdicts = pattern(failed)
    for seed in range(20):
        shuffled = verdicts.copy()
        random.Random(seed).shuffle(shuffled)
        assert found(shuffled).fault == "prompt-truncated"


def test_weights_thrown_about_are_a_divergence_and_not_a_missing_signal() -> None:
    failed: dict[str, str | None] = {"loss_below_random": "no-signal", **CHANCE}
    for change, fault in ((0.5, "no-signal"), (25.0, "diverged")):
        verdicts = [
            replace(verdict, measured={"relative_change": change}) if verdict.check == "weights_moved" else verdict
            for verdict in pattern(failed)
        ]
        assert found(verdicts).fault == fault


def test_a_loss_that_runs_away_on_ordinary_steps_has_the_wrong_sign() -> None:
    failed: dict[str, str | None] = {"loss_below_random": "diverged", **CHANCE}
    for change, fault in ((0.4, "anti-learning"), (5.0, "diverged"), (None, "diverged")):
        verdicts = [
            replace(verdict, measured={"relative_change": change}) if verdict.check == "weights_moved" else verdict
            for verdict in pattern(failed)
        ]
        assert found(verdicts).fault == fault


def test_a_ranking_near_chance_after_a_loss_far_below_it_is_not_only_undecided() -> None:
    """Too few users to fail the ranking: what was learned and is not there is a finding all the same."""
    near = {"recall": 0.42}
    against = {"chance": 0.4, "effect": 0.05, "effect_over_chance": 0.05}
    for recall, fault in ((near, "stale-checkpoint"), ({"recall": 0.55}, "undecided")):
        verdicts = []
        for verdict in pattern({}):
            if verdict.check.startswith("recall_beats_baseline"):
                verdict = replace(verdict, status=Status.INCONCLUSIVE, measured=recall, threshold=against)
            elif verdict.check == "loss_below_random":
                verdict = replace(
                    verdict, measured={"letter_nll": 1.5}, threshold={"chance_letter_nll": 3.9, "gain": 0.1}
                )
            elif verdict.check in ("adapter_active", "survives_reload", "probabilities_not_uniform"):
                verdict = replace(verdict, status=Status.NOT_APPLICABLE)
            verdicts.append(verdict)
        assert found(verdicts).fault == fault


def test_a_job_that_had_learned_in_the_stored_run_has_regressed() -> None:
    """Noisy labels: without a stored run there is no signal; with one it is known that there was."""
    stuck: dict[str, str | None] = {"loss_below_random": "no-signal", "permutation_equivariant": "position-prior"}
    assert found(pattern(stuck)).fault == "no-signal"
    fell = {"no_regression": "regression"}
    diagnosis = found(pattern({**stuck, **fell}))
    assert diagnosis.fault == "regression"
    assert "had learned in the stored run" in diagnosis.cause
    # a ranking that fell although the job learned is still told by what it looks like
    assert found(pattern({"permutation_equivariant": "position-prior", **fell})).fault == "position-prior"


def test_a_batch_learned_by_heart_leaves_the_data_to_blame() -> None:
    failed: dict[str, str | None] = {"loss_below_random": "no-signal", **CHANCE}
    assert "by heart" in found(pattern(failed)).cause
    unjudged = [verdict for verdict in pattern(failed) if verdict.check != "one_batch_learned"]
    assert "by heart" not in found(unjudged).cause


def test_probabilities_without_contrast_under_a_good_ranking_are_of_a_job_that_has_only_begun() -> None:
    for also, fault in (({}, "under-trained"), (CHANCE, "no-signal")):
        assert found(pattern({"probabilities_not_uniform": "no-signal", **also})).fault == fault


def test_a_ranking_lost_where_every_path_agrees_is_left_open() -> None:
    """An early checkpoint of the same job: its adapter is on, its scores are its own."""
    verdicts = []
    for verdict in pattern(
        {"ranking_carries_over": "lost-after-training", "permutation_equivariant": "position-prior"}
    ):
        if verdict.check == "ranking_carries_over":
            verdict = replace(verdict, measured={"ranked_above": 0.6, "ranked_above_in_training": 0.9})
        elif verdict.check == "loss_below_random":
            verdict = replace(
                verdict, measured={"letter_nll": 1.5}, threshold={"chance_letter_nll": 3.9, "gain": 0.1}
            )
        verdicts.append(verdict)
    diagnosis = found(verdicts)
    assert (diagnosis.fault, diagnosis.certainty) == ("stale-checkpoint", Certainty.OPEN)
    assert any(other.startswith("no-signal") for other in diagnosis.alternatives)
    assert set(diagnosis.explains) >= {"ranking_carries_over"}
