"""The order of suspected faults: strength, few affected, stage; what explains the others first; what says least last."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from diagnosis.patterns import CHANCE, MINIMAL, bare, found, probe
from diagnosis.recorded_verdicts import HEALTHY, pattern, records, verdicts_of
from recorded.compare import family
from rerank_guard.checks.registry import all_checks, check_of
from rerank_guard.core.diagnosis import Certainty
from rerank_guard.core.fault_catalogue import all_faults, fault_named
from rerank_guard.core.finding import Strength
from rerank_guard.core.stage import Stage
from rerank_guard.diagnosis.accounting import FEW

UNRELATED = [
    (name, fault)
    for fault in all_faults().values()
    if fault.unrelated_to_metrics
    for name, check in all_checks().items()
    if fault in check.can_name
]
LOOKS_BAD = {check: fault for check, fault in {"calibrated": "over-confident", **CHANCE}.items() if check_of(check)}
SAME_TO_THE_USER = {"adapter-inactive": "stale-checkpoint"}
"""The trained weights are not in what was scored; which of the two it is depends on what else fails."""


def runner_up(diagnosis):
    return diagnosis.runner_up and (diagnosis.runner_up.fault, diagnosis.runner_up.check)


def seen_in_records():
    """Check and fault of every recorded verdict that saw a cause which affects the metrics."""
    seen = {
        (family(verdict.check), verdict.fault)
        for run_id, one in records().items()
        if "same_as" not in one
        for verdict in verdicts_of(run_id)
        if verdict.fault is not None
        and verdict.suspects[0].strength is Strength.SEEN
        and not verdict.suspects[0].fault.unrelated_to_metrics
        and not verdict.suspects[0].fault.symptom
        and verdict.suspects[0].fault.stage < Stage.QUALITY
        and family(verdict.check) not in LOOKS_BAD
    }
    return sorted(seen)


def test_a_seen_fault_comes_before_a_measured_one_further_up():
    diagnosis = found(
        pattern({"target_positions_uniform": "target-position-skew", "batch_invariant": "batch-dependent"})
    )
    assert (diagnosis.fault, diagnosis.certainty) == ("batch-dependent", Certainty.SEEN)
    assert runner_up(diagnosis) == ("target-position-skew", "target_positions_uniform")


@pytest.mark.parametrize(
    ("history", "batch", "fault"),
    [
        (FEW - 0.01, 1.0, "batch-dependent"),
        (FEW, 1.0, "history-leak"),
        (1.0, 1.0, "history-leak"),
        (1.0, FEW - 0.01, "history-leak"),
        (FEW / 2, FEW / 4, "history-leak"),
        (FEW / 4, FEW / 2, "history-leak"),
    ],
)
def test_of_two_seen_faults_one_of_few_units_comes_later_and_else_the_earlier_stage_first(history, batch, fault):
    failed = {"no_history_leak": "history-leak", "batch_invariant": "batch-dependent"}
    affected = {"no_history_leak": (round(100 * history), 100), "batch_invariant": (round(100 * batch), 100)}
    diagnosis = found(pattern(failed, affected=affected))
    assert diagnosis.fault == fault
    (explained,) = diagnosis.explains
    assert failed[explained] == fault
    (other,) = set(failed) - {explained}
    assert runner_up(diagnosis) == (failed[other], other)
    assert diagnosis.runner_up.why


@pytest.mark.parametrize(("letters", "fault"), [(20, "wrong-letter-variant"), (1, "duplicate-candidates")])
def test_every_letter_read_at_another_token_comes_before_duplicates_in_a_tenth_of_the_lists(letters, fault):
    verdicts = pattern(
        {"letter_tokens_found": "wrong-letter-variant", "training_gt_in_candidates": "duplicate-candidates"},
        measured={"training_gt_in_candidates": {"broken_users": 40, "candidates_duplicated": 40}},
        affected={"letter_tokens_found": (letters, 20), "training_gt_in_candidates": (40, 400)},
    )
    assert found(verdicts).fault == fault


def test_a_verdict_that_counts_nothing_affects_all():
    verdicts = pattern({"letter_tokens_found": "letter-collision", "batch_invariant": "batch-dependent"})
    uncounted = [
        verdict if verdict.check != "letter_tokens_found" else bare(verdict.check, *verdict.suspects)
        for verdict in verdicts
    ]
    assert [verdict.affected for verdict in uncounted if verdict.check == "letter_tokens_found"] == [None]
    assert found(uncounted).fault == "letter-collision"


@pytest.mark.parametrize("share", [(1, 32), (32, 32)])
def test_what_follows_from_a_fault_is_neither_first_nor_runner_up_whatever_its_share(share):
    failed = {"prompt_complete": "prompt-truncated", "prompts_match": "prompt-skew"}
    diagnosis = found(pattern(failed, affected={"prompt_complete": share, "prompts_match": (32, 32)}))
    assert diagnosis.fault == "prompt-truncated"
    assert set(diagnosis.explains) == set(failed)
    assert diagnosis.runner_up is None or diagnosis.runner_up.fault != "prompt-skew"


def test_faults_that_explain_one_another_in_a_ring_are_ordered_by_rank():
    failed = {
        "config_obeyed": "config-ignored",  # brings about diverged
        "loss_below_random": "diverged",  # brings about silent-nan
        "scores_well_formed": "silent-nan",  # brings about config-ignored
    }
    for check, fault in failed.items():
        assert any(fault in fault_named(other).explains for other in set(failed.values()) - {fault}), check
    diagnosis = found(pattern({**failed, **CHANCE}))
    assert diagnosis.fault == "config-ignored"


@pytest.mark.parametrize(("check", "fault"), UNRELATED, ids=[f"{name}-{fault}" for name, fault in UNRELATED])
def test_what_says_nothing_of_the_metrics_comes_after_a_ranking_at_chance(check, fault):
    failed = pattern({"loss_below_random": "no-signal", **CHANCE})
    verdicts = [verdict for verdict in failed if verdict.check != check]
    diagnosis = found([*verdicts, bare(check, fault)])
    assert diagnosis.fault == "no-signal"
    assert runner_up(diagnosis) == (fault.name, check)
    assert found([bare(check, fault)]).fault == fault.name


def test_of_symptoms_that_account_for_as_much_the_vague_one_is_last():
    failed = {"permutation_equivariant": "position-prior", **CHANCE}
    diagnosis = found(pattern(failed, only=(*MINIMAL, "permutation_equivariant")))
    assert fault_named("no-signal").vague
    assert not fault_named("position-prior").vague
    assert (diagnosis.fault, diagnosis.certainty) == ("position-prior", Certainty.LIKELY)
    assert {family(check) for check in diagnosis.explains} == set(failed)
    other = {"scores_match_forward_pass": "scores-not-from-model", "permutation_equivariant": "position-prior"}
    assert fault_named("scores-not-from-model").vague
    for verdicts in (pattern(other), pattern(other)[::-1]):
        assert found(verdicts).fault == "position-prior", "whichever was judged first, at the same stage"


def test_of_symptoms_the_one_that_accounts_for_most_comes_first():
    failed = {
        "loss_below_random": "no-signal",
        "probabilities_not_uniform": "position-prior",
        "permutation_equivariant": "position-prior",
        **CHANCE,
    }
    diagnosis = found(pattern(failed))
    assert diagnosis.fault == "no-signal", "the scoring does not explain a job that never learned"
    assert {family(check) for check in diagnosis.explains} == set(failed)


def test_a_probe_comes_before_symptoms_and_after_what_was_seen():
    reading = probe("reversed")
    diagnosis = found(pattern(CHANCE, only=MINIMAL), reading)
    assert diagnosis.fault == "reversed"
    assert reading.says in diagnosis.cause
    assert {family(check) for check in diagnosis.explains} == set(CHANCE)
    for seen in ({"gt_in_candidates": "target-not-listed"}, {"batch_invariant": "batch-dependent"}):
        diagnosis = found(pattern({**seen, **CHANCE}), probe("letter-candidate-mismatch"))
        assert diagnosis.fault in seen.values()
        assert runner_up(diagnosis)[0] == "letter-candidate-mismatch"


def test_a_probe_is_not_undone_by_a_symptom_that_shows_earlier():
    assert "reversed" in fault_named("no-signal").explains
    assert found(pattern({"loss_below_random": "no-signal", **CHANCE}), probe("reversed")).fault == "reversed"


def test_a_probe_does_not_undo_the_training_jobs_own_fault():
    failed = {"loss_below_random": "anti-learning", "recall_beats_baseline": "reversed"}
    assert found(pattern(failed), probe("reversed")).fault == "anti-learning"


def test_the_order_of_the_verdicts_decides_nothing_between_stages():
    failed = {
        "prompt_complete": "prompt-truncated",
        "prompts_match": "prompt-skew",
        "scores_match_forward_pass": "scores-not-from-model",
        **CHANCE,
    }
    verdicts = pattern(failed)
    for seed in range(20):
        shuffled = verdicts.copy()
        random.Random(seed).shuffle(shuffled)
        assert found(shuffled).fault == "prompt-truncated"


def test_of_two_that_are_equal_in_all_else_the_first_judged_comes_first():
    failed = {"no_history_leak": "history-leak", "split_disjoint": "split-overlap"}
    verdicts = pattern(failed, affected=dict.fromkeys(failed, (1, 1)))
    assert found(verdicts).fault == "history-leak"
    assert found(verdicts[::-1]).fault == "split-overlap"


@pytest.mark.parametrize(("check", "fault"), seen_in_records())
def test_however_much_looks_bad_further_down_a_seen_fault_is_named(check, fault):
    diagnosis = found(pattern({check: fault, **LOOKS_BAD}))
    assert SAME_TO_THE_USER.get(diagnosis.fault, diagnosis.fault) == SAME_TO_THE_USER.get(fault, fault)


def test_of_two_faults_at_once_one_is_named_and_never_a_third():
    """Pairs of recorded runs: all that failed in either; one check gives one name, so pairs in which it would be two are out."""
    failed = {
        run_id: {verdict.check: verdict for verdict in verdicts_of(run_id) if verdict.fault}
        for run_id, one in records().items()
        if all(check_of(name) is not None for name, each in one["verdicts"].items() if each["fault"])
    }
    distinct = {frozenset((name, each.fault) for name, each in of.items()): of for of in failed.values() if of}
    healthy = {verdict.check: verdict for verdict in verdicts_of(HEALTHY)}
    runs = [(of, named_in([*{**healthy, **of}.values()])) for of in distinct.values()]
    pairs, wrong = 0, []
    for (one, of_one), (other, of_other) in combinations(runs, 2):
        if any(one[check].fault != other[check].fault for check in one.keys() & other.keys()):
            continue
        pairs += 1
        named = found([*{**healthy, **other, **one}.values()]).fault
        if SAME_TO_THE_USER.get(named, named) not in of_one | of_other:
            wrong.append((named, of_one, of_other))
    assert pairs > 1000
    assert wrong == []


def named_in(verdicts):
    """The fault, and the one that a check suspects independently of it."""
    diagnosis = found(verdicts)
    also = diagnosis.runner_up
    names = {diagnosis.fault} | ({also.fault} if also is not None and also.check else set())
    return {SAME_TO_THE_USER.get(name, name) for name in names}
