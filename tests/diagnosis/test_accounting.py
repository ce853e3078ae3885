"""What a fault accounts for: what follows from it, what would have kept the job from learning, and what it only looks like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.patterns import CHANCE, bare, found, probe
from diagnosis.recorded_verdicts import pattern
from recorded.compare import family
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.fault_catalogue import all_faults, fault_named
from rerank_guard.core.faults.data import RESULT_MALFORMED, TARGET_NOT_LISTED
from rerank_guard.core.faults.prompts import PROMPT_SKEW, PROMPT_TRUNCATED
from rerank_guard.core.faults.quality import ABOVE_CEILING, LOST_AFTER_TRAINING
from rerank_guard.core.faults.scoring import BATCH_DEPENDENT, REVERSED, SCORES_NOT_FROM_MODEL
from rerank_guard.core.faults.training import NO_SIGNAL, SILENT_NAN, UNDER_TRAINED
from rerank_guard.core.finding import Strength, Suspected, suspect
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.diagnosis.accounting import Group, accounts_for, brings_about, covers, explains, grouped, stage_of
from rerank_guard.diagnosis.evidence import Evidence
from rerank_guard.diagnosis.suspicion import of_probe, of_verdicts

PREVENTS_LEARNING = [fault for fault in all_faults().values() if fault.refuted_by_learning]
MAY_NAME = {fault.name: name for name, check in all_checks().items() for fault in check.can_name}


def groups(verdicts, *probes):
    suspicions = [*of_verdicts(verdicts), *(of_probe(each, len(verdicts)) for each in probes)]
    return {group.fault.name: group for group in grouped(suspicions)}


def verdict_in(verdicts, check):
    return next(verdict for verdict in verdicts if family(verdict.check) == check)


def test_a_fault_accounts_for_what_names_it_and_for_what_its_record_explains():
    verdicts = pattern({"prompts_match": "prompt-skew", "prompt_complete": "prompt-truncated", **CHANCE})
    for check, fault, accounted in (
        ("prompts_match", PROMPT_SKEW, True),
        ("prompts_match", PROMPT_TRUNCATED, True),
        ("prompt_complete", PROMPT_SKEW, False),
        ("recall_beats_baseline", PROMPT_SKEW, True),
    ):
        assert accounts_for(fault, verdict_in(verdicts, check)) is accounted, (check, fault)


def test_a_statistical_look_follows_from_a_fault_further_up_and_one_that_was_seen_does_not():
    assert UNDER_TRAINED.name in TARGET_NOT_LISTED.explains
    measured = bare("loss_below_random", UNDER_TRAINED, p_failed=1e-9)
    seen = bare("training_planned", Suspected(UNDER_TRAINED, Strength.SEEN))
    assert accounts_for(TARGET_NOT_LISTED, measured)
    assert not accounts_for(TARGET_NOT_LISTED, seen)


def test_a_symptom_of_the_same_stage_does_not_account_for_what_was_seen():
    assert (NO_SIGNAL.stage, NO_SIGNAL.symptom) == (UNDER_TRAINED.stage, True)
    seen = bare("training_planned", Suspected(UNDER_TRAINED, Strength.SEEN))
    assert not accounts_for(NO_SIGNAL, seen)
    failed = {"training_planned": "under-trained", "probabilities_not_uniform": "no-signal"}
    assert found(pattern({**failed, "recall_beats_baseline": "baseline-not-beaten"})).fault == "under-trained"


def test_what_comes_later_accounts_for_an_earlier_check_only_by_its_record():
    look = bare("loss_below_random", NO_SIGNAL, p_failed=1e-9)
    assert NO_SIGNAL.name in BATCH_DEPENDENT.explains
    assert not accounts_for(BATCH_DEPENDENT, look), "the scoring does not explain a loss at chance"
    assert accounts_for(fault_named("wrong-logit-position"), bare("prompts_match", PROMPT_SKEW))
    assert not accounts_for(BATCH_DEPENDENT, bare("prompts_match", PROMPT_SKEW))
    undecided = replace(look, status=Status.INCONCLUSIVE, suspects=())
    assert all_checks()["loss_below_random"].looks_like in (NO_SIGNAL, UNDER_TRAINED)
    assert not accounts_for(BATCH_DEPENDENT, undecided), "nor a loss that could not be decided"


def test_what_could_not_be_judged_follows_from_faults_whose_record_says_so():
    unread = bare("recall_beats_baseline[K=5]")
    assert unread.fault is None
    assert accounts_for(SILENT_NAN, unread)
    assert not accounts_for(TARGET_NOT_LISTED, unread), "though it explains a poor ranking"
    assert RESULT_MALFORMED.name in SILENT_NAN.explains
    failed = {"scores_well_formed": "silent-nan", "recall_within_ceiling": "result-malformed"}
    diagnosis = found(pattern(failed))
    assert (diagnosis.fault, len(diagnosis.explains)) == ("silent-nan", 2)


@pytest.mark.parametrize("name", [name for name, check in all_checks().items() if check.looks_like is not None])
def test_a_check_that_could_not_decide_is_explained_as_what_its_failure_looks_like(name):
    look = all_checks()[name].looks_like
    undecided = Verdict(name, Status.INCONCLUSIVE, "claim", {}, {}, 1)
    for fault in all_faults().values():
        if fault.stage <= all_checks()[name].stage:
            expected = look.name in fault.explains
            assert accounts_for(fault, undecided) is expected, fault


def test_a_doubt_is_explained_as_what_its_check_looks_like_whatever_it_suspects():
    verdict = bare("recall_beats_baseline[K=5]", REVERSED)
    assert all_checks()["recall_beats_baseline"].looks_like is NO_SIGNAL
    assert NO_SIGNAL.name in LOST_AFTER_TRAINING.explains
    assert not accounts_for(LOST_AFTER_TRAINING, verdict)
    assert accounts_for(LOST_AFTER_TRAINING, replace(verdict, status=Status.INCONCLUSIVE))


def test_an_unnamed_look_goes_before_the_name_that_its_check_takes_for_likely():
    name = next(name for name, check in all_checks().items() if check.looks_like is ABOVE_CEILING)
    verdict = verdict_in(pattern({name: "prompt-leak"}), name)
    leaks = [fault for fault in all_faults().values() if ABOVE_CEILING.name in fault.explains]
    assert len(leaks) > 3
    assert all(accounts_for(fault, verdict) for fault in leaks)


@pytest.mark.parametrize("fault", [fault for fault in PREVENTS_LEARNING if not fault.symptom], ids=str)
def test_after_a_loss_that_fell_what_prevents_learning_explains_only_where_it_is_named(fault):
    learned = pattern(CHANCE)
    named = bare(MAY_NAME[fault.name], suspect(fault))
    verdicts = [verdict for verdict in learned if verdict.check != named.check] + [named]
    if MAY_NAME[fault.name] == "loss_below_random":
        verdicts.append(verdict_in(learned, "loss_below_random"))
        named = bare("my_check", suspect(fault))
        verdicts = [*learned, named]
    group, evidence = groups(verdicts)[fault.name], Evidence(verdicts)
    assert evidence.learned() is not None
    assert explains(group, named, evidence)
    assert not explains(group, verdict_in(verdicts, "recall_beats_baseline"), evidence)


def test_no_update_that_was_seen_is_named_though_the_ranking_is_a_finding_of_its_own():
    """One layer is out of the graph, and the loss fell nevertheless."""
    diagnosis = found(pattern({"only_trainable_weights_updated": "no-update", **CHANCE}))
    assert diagnosis.fault == "no-update"
    assert diagnosis.explains == ("only_trainable_weights_updated",)
    assert diagnosis.runner_up is not None
    assert family(diagnosis.runner_up.check) == "recall_beats_baseline"


def test_neither_of_a_plan_too_short_and_weights_that_stayed_is_swallowed_by_the_other():
    failed = {"only_trainable_weights_updated": "no-update", "training_planned": "under-trained"}
    diagnosis = found(pattern(failed))
    assert diagnosis.fault == "no-update" or diagnosis.runner_up is not None
    assert set(diagnosis.explains) != set(failed)


def test_a_fault_covers_another_where_it_explains_all_that_shows_it_best():
    verdicts = pattern({"prompt_complete": "prompt-truncated", "prompts_match": "prompt-skew", **CHANCE})
    of, evidence = groups(verdicts), Evidence(verdicts)
    assert covers(of["prompt-truncated"], of["prompt-skew"], evidence)
    assert not covers(of["prompt-skew"], of["prompt-truncated"], evidence)
    assert brings_about(of["prompt-truncated"], of["prompt-skew"], evidence)
    assert not brings_about(of["prompt-skew"], of["prompt-truncated"], evidence)


def test_a_fault_that_explains_what_shows_another_best_covers_it_though_not_all_that_hints_at_it():
    verdicts = [
        bare("loss_below_random", Suspected(NO_SIGNAL, Strength.SYMPTOM)),
        bare("recall_beats_baseline[K=5]", Suspected(NO_SIGNAL, Strength.MEASURED)),
        bare("batch_invariant", BATCH_DEPENDENT),
    ]
    of, evidence = groups(verdicts), Evidence(verdicts)
    assert [accounts_for(BATCH_DEPENDENT, verdict) for verdict in verdicts] == [False, True, True]
    assert covers(of["batch-dependent"], of["no-signal"], evidence)


def test_two_faults_that_could_each_bring_about_the_other_are_left_to_strength_and_stage():
    both = [
        bare("probabilities_not_uniform", suspect(NO_SIGNAL)),
        bare("permutation_equivariant", suspect(SCORES_NOT_FROM_MODEL)),
    ]
    of, evidence = groups(both), Evidence(both)
    assert covers(of["no-signal"], of["scores-not-from-model"], evidence)
    assert covers(of["scores-not-from-model"], of["no-signal"], evidence)
    assert not brings_about(of["no-signal"], of["scores-not-from-model"], evidence)
    assert not brings_about(of["scores-not-from-model"], of["no-signal"], evidence)


def test_what_only_a_probe_shows_is_covered_by_name_and_undone_by_no_symptom():
    verdicts = pattern({"loss_below_random": "no-signal", **CHANCE})
    of, evidence = groups(verdicts, probe("reversed")), Evidence(verdicts)
    assert "reversed" in NO_SIGNAL.explains
    assert covers(of["no-signal"], of["reversed"], evidence)
    assert not covers(of["reversed"], of["no-signal"], evidence), "nor does it explain a loss at chance"
    assert not brings_about(of["no-signal"], of["reversed"], evidence)


def test_the_stage_of_a_symptom_is_where_it_first_shows_and_of_a_cause_where_it_is():
    assert stage_of("recall_beats_baseline[K=5]") is Stage.QUALITY
    assert stage_of("a_check_of_the_users_own") is Stage.QUALITY
    of = groups(
        pattern({"permutation_equivariant": "position-prior", **CHANCE, "batch_invariant": "batch-dependent"})
    )
    assert of["no-signal"].fault.stage is Stage.TRAINING
    assert of["no-signal"].stage == Stage.QUALITY
    assert of["position-prior"].stage == Stage.SCORING
    assert of["batch-dependent"].stage == Stage.SCORING
    inferred = [replace(each, inferred=True) for each in of["no-signal"].suspicions]
    assert Group(tuple(inferred)).stage == Stage.TRAINING, "a rule has found where it is"
    early = groups(pattern({"loss_below_random": "no-signal", **CHANCE}))
    assert early["no-signal"].stage == Stage.TRAINING


def test_suspicions_of_one_fault_are_one_group_led_by_the_strongest():
    failed = {"scores_match_forward_pass": "silent-fallback", "no_order_fallback": "silent-fallback"}
    (group,) = groups(pattern(failed)).values()
    assert [suspicion.source for suspicion in group.suspicions] == [
        "scores_match_forward_pass",
        "no_order_fallback",
    ]
    assert [suspicion.strength for suspicion in group.suspicions] == [Strength.SEEN, Strength.MEASURED]
    assert not group.is_symptom
