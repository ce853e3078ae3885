"""Faults that only several verdicts show together: which are added, and what is between a job that learned and its scores."""

from __future__ import annotations

import pytest

from diagnosis.patterns import ALL_RULED_OUT, CHANCE, MINIMAL, alternatives, found
from diagnosis.recorded_verdicts import pattern
from recorded.compare import family
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.diagnosis import MAX_ALTERNATIVES, Certainty
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status
from rerank_guard.diagnosis.evidence import Evidence, ruling_out
from rerank_guard.diagnosis.rules.between import between_training_and_scoring
from rerank_guard.diagnosis.rules.inferring import (
    ADDING,
    never_trained,
    same_for_other_histories,
    skew_in_training,
)
from rerank_guard.diagnosis.rules.open_questions import AFTER_TRAINING, LOSES_WHAT_WAS_LEARNED

PRIOR = {"loss_below_letter_prior": "position-prior"}
LOSES = {"recall_beats_baseline": "baseline-not-beaten"}
FLAT = {"probabilities_not_uniform": "no-signal", **CHANCE}
ONE_ROW = {"probabilities_not_uniform": "position-prior", **CHANCE}
LOST = {"generalizes_to_held_out": "lost-after-training"}
NO_COMPARISON = ("adapter_active", "scores_match_forward_pass", "survives_reload")


def blind(recall, blind):
    figures = {"history-blind": blind} if blind is not None else {}
    return {
        "measured": {"recall_beats_baseline": {"recall": recall}},
        "threshold": {"recall_beats_baseline": figures},
    }


@pytest.mark.parametrize(
    ("rule", "failed", "options", "gives", "strength"),
    [
        (
            skew_in_training,
            PRIOR,
            {"missing": ("training_target_positions_uniform",)},
            "target-position-skew",
            "MEASURED",
        ),
        (
            skew_in_training,
            {**PRIOR, "training_target_positions_uniform": "target-position-skew"},
            {},
            "target-position-skew",
            "MEASURED",
        ),
        (skew_in_training, PRIOR, {}, None, None),  # the positions are uniform in training
        (
            skew_in_training,
            {**PRIOR, "target_positions_uniform": "target-position-skew"},
            {},
            None,
            None,
        ),
        (same_for_other_histories, LOSES, blind(0.60, 0.576), "history-ignored", "SYMPTOM"),
        (same_for_other_histories, LOSES, blind(0.60, 0.65), "history-ignored", "SYMPTOM"),
        (same_for_other_histories, LOSES, blind(0.60, 0.574), None, None),
        (same_for_other_histories, LOSES, blind(0.60, float("nan")), None, None),
        (same_for_other_histories, CHANCE, blind(0.60, 0.6), None, None),
        (never_trained, FLAT, {"only": (*MINIMAL, "probabilities_not_uniform")}, "stale-checkpoint", "SYMPTOM"),
        (never_trained, FLAT, {}, None, None),  # the job is there, and learned
        (never_trained, CHANCE, {"only": MINIMAL}, None, None),
        (
            never_trained,
            {"probabilities_not_uniform": "no-signal"},
            {"missing": ("loss_below_random",)},
            None,
            None,
        ),
    ],
)
def test_a_rule_adds_a_fault_to_its_own_pattern_alone(rule, failed, options, gives, strength):
    evidence = Evidence(pattern(failed, **options))
    added = list(rule(evidence))
    assert [suspicion.fault.name for suspicion in added] == ([gives] if gives else [])
    for suspicion in added:
        assert suspicion.inferred
        assert suspicion.strength is Strength[strength]
        assert family(suspicion.source) in failed
        assert suspicion.evidence
        assert evidence.verdicts[suspicion.order].check == suspicion.source


def test_every_adding_rule_is_tested():
    assert set(ADDING) == {skew_in_training, same_for_other_histories, never_trained}


def test_a_loss_that_letter_shares_explain_means_uneven_positions():
    diagnosis = found(pattern({**PRIOR, **CHANCE}, missing=("training_target_positions_uniform",)))
    assert (diagnosis.fault, diagnosis.certainty) == ("target-position-skew", Certainty.LIKELY)
    assert "loss_below_letter_prior" in diagnosis.explains


def test_a_prior_that_loses_to_a_better_prior_ignores_the_history():
    assert found(pattern(LOSES, **blind(0.60, 0.595))).fault == "history-ignored"
    assert found(pattern(LOSES, **blind(0.60, 0.45))).fault == "baseline-not-beaten"


def test_even_letters_and_a_ranking_at_chance_without_a_job_are_of_a_model_that_was_never_trained():
    diagnosis = found(pattern(FLAT, only=(*MINIMAL, "probabilities_not_uniform")))
    assert (diagnosis.fault, diagnosis.certainty) == ("stale-checkpoint", Certainty.LIKELY), (
        "never seen: it is inferred"
    )


# ---- between training and scoring


def test_learned_and_yet_at_chance_is_between_training_and_scoring():
    missing = ("prompts_match", "scores_match_forward_pass", "adapter_active")
    diagnosis = found(pattern(CHANCE, missing=missing))
    assert diagnosis.certainty is Certainty.OPEN
    left = alternatives(diagnosis) | {diagnosis.fault}
    may_be = {
        fault.name
        for fault in LOSES_WHAT_WAS_LEARNED
        if set(missing) & set(ruling_out(fault, AFTER_TRAINING)) or not ruling_out(fault, AFTER_TRAINING)
    }
    assert left <= may_be
    assert len(left) == min(len(may_be), MAX_ALTERNATIVES + 1)
    assert diagnosis.fault not in ("stale-checkpoint", "adapter-inactive"), "the probabilities say something"
    for row in diagnosis.alternatives:
        fault, _, decides = row.partition(": ")
        names = ruling_out(fault_named(fault), AFTER_TRAINING)
        assert any(name in decides for name in names) or not names, row
    for number in ("2.02", "3.00", "0.250"):
        assert number in diagnosis.cause


def test_what_a_passed_check_would_have_seen_is_excluded():
    diagnosis = found(pattern(CHANCE, missing=("adapter_active", "batch_invariant")))
    excluded = {
        fault.name
        for fault in LOSES_WHAT_WAS_LEARNED
        if (names := set(ruling_out(fault, AFTER_TRAINING))) and not {"adapter_active", "batch_invariant"} & names
    }
    left = alternatives(diagnosis) | {diagnosis.fault}
    assert {"batch-dependent", "adapter-inactive"} <= left
    assert not left & excluded


@ALL_RULED_OUT
def test_where_everything_agrees_the_held_out_tasks_are_made_otherwise():
    diagnosis = found(pattern(CHANCE))
    assert (diagnosis.fault, diagnosis.alternatives) == ("no-signal", ())
    assert found(pattern({**CHANCE, "loss_below_random": "no-signal"})).cause != diagnosis.cause


@pytest.mark.parametrize(("share", "between"), [(0.1 + 1e-6, True), (0.1 - 1e-6, False)])
def test_a_small_gain_need_not_show_in_the_ranking(share, between):
    learned = Evidence(pattern({})).learned()
    chance = learned.threshold["chance_letter_nll"]
    small = {"loss_below_random": {"letter_nll": chance * (1.0 - share)}}
    evidence = Evidence(pattern(CHANCE, missing=("prompts_match",), measured=small))
    assert (between_training_and_scoring(evidence) is not None) is between


@pytest.mark.parametrize(
    ("failed", "figures", "fault"),
    [
        (FLAT, {}, "stale-checkpoint"),
        (ONE_ROW, {"pair_share": 0.002}, "stale-checkpoint"),
        (ONE_ROW, {"pair_share": 0.0}, "position-prior"),
    ],
)
def test_scores_that_say_nothing_after_a_good_job_are_another_checkpoint_unless_all_rows_are_one(
    failed, figures, fault
):
    figures = {"probabilities_not_uniform": figures} if figures else None
    diagnosis = found(pattern(failed, missing=NO_COMPARISON, measured=figures))
    assert diagnosis.fault == fault
    if fault == "stale-checkpoint":
        assert diagnosis.certainty is Certainty.OPEN
        assert "adapter-inactive" in alternatives(diagnosis)


@pytest.mark.parametrize(("recall", "fault"), [(0.29, "stale-checkpoint"), (0.31, "undecided")])
def test_a_ranking_near_chance_after_a_loss_far_below_it_is_a_finding(recall, fault):
    """Too few users to fail the ranking: what was learned and is not there is a finding nevertheless."""
    verdicts = pattern(
        {},
        inconclusive=("recall_beats_baseline",),
        missing=("adapter_active", "survives_reload", "probabilities_not_uniform"),
        measured={"recall_beats_baseline": {"recall": recall}},
    )
    (ranking,) = [verdict for verdict in verdicts if family(verdict.check) == "recall_beats_baseline"]
    assert (ranking.threshold["chance"], ranking.threshold["effect_over_chance"]) == (0.25, 0.05)
    assert found(verdicts).fault == fault


def test_a_forward_pass_that_no_known_misreading_gives_excludes_them_all():
    failed = {"scores_match_forward_pass": "scores-not-from-model", **CHANCE}
    diagnosis = found(pattern(failed, missing=("adapter_active",)))
    named = {fault.name for fault in LOSES_WHAT_WAS_LEARNED if "scores_match_forward_pass" in ruling_out(fault)}
    assert not (alternatives(diagnosis) | {diagnosis.fault}) & named


@ALL_RULED_OUT
def test_where_no_known_misreading_gives_the_scores_and_all_else_agrees_they_are_not_the_models():
    failed = {"scores_match_forward_pass": "scores-not-from-model", **CHANCE}
    assert found(pattern(failed)).fault == "scores-not-from-model"


def test_a_history_that_is_ignored_is_what_is_lost():
    failed = {"recall_beats_baseline": "history-ignored", **LOST}
    assert between_training_and_scoring(Evidence(pattern(failed))) is None
    assert found(pattern(failed)).fault == "history-ignored"


@ALL_RULED_OUT
def test_a_ranking_lost_where_every_path_agrees_is_left_open():
    """An early checkpoint of the same job: its adapter is on, its scores are its own."""
    failed = {**LOST, "permutation_equivariant": "position-prior"}
    diagnosis = found(pattern(failed))
    assert (diagnosis.fault, diagnosis.certainty) == ("stale-checkpoint", Certainty.OPEN)
    assert alternatives(diagnosis) == {"no-signal"}
    assert diagnosis.fix != fault_named("stale-checkpoint").fix
    assert "generalizes_to_held_out" in diagnosis.explains


def test_symptoms_that_say_no_more_than_at_chance_give_way_to_what_is_between():
    diagnosis = found(pattern({**FLAT, **LOST}, missing=NO_COMPARISON))
    assert diagnosis.fault == "stale-checkpoint"
    assert {family(check) for check in diagnosis.explains} == {*FLAT, *LOST}


# ---- what fits as well


def test_a_minimal_reranker_at_chance_stays_open_and_each_alternative_says_what_would_decide():
    diagnosis = found(pattern(CHANCE, only=MINIMAL))
    assert (diagnosis.fault, diagnosis.certainty) == ("no-signal", Certainty.OPEN)
    first = [row.partition(":")[0] for row in diagnosis.alternatives]
    assert first == [fault.name for fault in LOSES_WHAT_WAS_LEARNED[:MAX_ALTERNATIVES]], (
        "no job is known to have learned"
    )
    for row in diagnosis.alternatives:
        fault, _, decides = row.partition(": ")
        names = ruling_out(fault_named(fault))
        assert decides.removeprefix("run ") in names or not names, row
    assert diagnosis.runner_up is not None


def test_a_job_that_overfits_one_batch_excludes_what_would_prevent_that():
    stuck = {"loss_below_random": "no-signal", **CHANCE}
    silent = tuple(name for name in all_checks() if name not in (*MINIMAL, "loss_below_random"))
    without, with_batch = (
        found(pattern(stuck, only=(*MINIMAL, "loss_below_random", *also))) for also in ((), ("overfits_one_batch",))
    )
    refuted = {name for name in alternatives(without) if fault_named(name).refuted_by_overfitting}
    assert silent
    assert refuted
    assert not refuted & alternatives(with_batch)


def test_a_loss_at_chance_names_nothing_that_comes_after_training():
    stuck = {"loss_below_random": "no-signal", **CHANCE}
    diagnosis = found(pattern(stuck, only=(*MINIMAL, "loss_below_random")))
    assert diagnosis.alternatives
    for name in alternatives(diagnosis):
        assert fault_named(name).stage <= fault_named("no-signal").stage
    assert Status.PASSED in {verdict.status for verdict in pattern(stuck)}
    left = alternatives(found(pattern(stuck)))
    assert left == {"base-cannot-learn"}, "all else that keeps a job from learning is excluded"
