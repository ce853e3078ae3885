"""What a diagnosis says: its certainty, what it explains, the next suspect, and what nothing failed but could not be decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.patterns import CHANCE, MINIMAL, alternatives, bare, found, probe
from diagnosis.recorded_verdicts import pattern, records, verdicts_of
from recorded.compare import family
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.diagnosis import UNDECIDED, Certainty
from rerank_guard.core.fault import Fault
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.finding import Affected, Strength, suspect
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status
from rerank_guard.diagnosis import diagnose
from rerank_guard.diagnosis.evidence import Evidence, ruling_out
from rerank_guard.diagnosis.suspicion import deciding_figure, of_probe, of_verdicts

STUCK = {"loss_below_random": "no-signal", "probabilities_not_uniform": "no-signal", **CHANCE}
PASSED_ALL = [run_id for run_id, one in records().items() if one["verdicts"] and one["diagnosis"] is None]


@pytest.mark.parametrize("only", [None, MINIMAL], ids=["every-method", "minimal"])
def test_a_run_without_a_failure_has_no_diagnosis(only):
    assert diagnose(pattern({}, only=only)) is None
    assert diagnose([]) is None


@pytest.mark.parametrize("run_id", PASSED_ALL)
def test_a_recorded_run_that_was_healthy_has_none(run_id):
    assert diagnose(verdicts_of(run_id)) is None


# ---- certainty


@pytest.mark.parametrize(
    ("failed", "certainty"),
    [
        ({"gt_in_candidates": "target-not-listed", **CHANCE}, Certainty.SEEN),
        ({"scores_well_formed": "ties-decide"}, Certainty.SEEN),
        ({"training_planned": "under-trained"}, Certainty.SEEN),
        ({"target_positions_uniform": "target-position-skew"}, Certainty.LIKELY),
        ({"recall_beats_baseline": "baseline-not-beaten"}, Certainty.LIKELY),
        (STUCK, Certainty.OPEN),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_the_certainty_is_that_of_the_strongest_suspicion(failed, certainty):
    assert found(pattern(failed)).certainty is certainty


def test_a_probe_is_measured_and_so_never_seen():
    reading = probe("reversed")
    assert of_probe(reading, 7).strength is Strength.MEASURED
    diagnosis = found(pattern(CHANCE, only=MINIMAL), reading)
    assert (diagnosis.fault, diagnosis.certainty) == ("reversed", Certainty.LIKELY)


@pytest.mark.parametrize(
    ("failed", "options", "fault"),
    [
        (
            {"loss_below_letter_prior": "position-prior"},
            {"missing": ("training_target_positions_uniform",)},
            "target-position-skew",
        ),
        (CHANCE, {"missing": ("batch_invariant",)}, "batch-dependent"),
        (STUCK, {"only": (*MINIMAL, "probabilities_not_uniform")}, "stale-checkpoint"),
    ],
)
def test_what_a_rule_infers_is_never_seen(failed, options, fault):
    diagnosis = found(pattern(failed, **options))
    assert diagnosis.fault == fault
    assert fault not in failed.values()
    assert diagnosis.certainty is not Certainty.SEEN


def test_a_symptom_with_rivals_is_open_and_without_them_likely():
    rivals = found(pattern(CHANCE, only=MINIMAL))
    assert (rivals.certainty, bool(rivals.alternatives)) == (Certainty.OPEN, True)
    none_left = found(pattern({"recall_beats_baseline": "baseline-not-beaten"}))
    assert (none_left.certainty, bool(none_left.alternatives)) == (Certainty.LIKELY, False)


def test_an_exact_symptom_without_rivals_is_seen():
    exact = found([bare("scores_well_formed", fault_named("ties-decide"))])
    assert exact.certainty is Certainty.SEEN
    statistical = found([bare("scores_well_formed", fault_named("ties-decide"), p_failed=1e-9)])
    assert statistical.certainty is Certainty.LIKELY


def test_an_exact_symptom_with_rivals_is_open():
    diagnosis = found([bare("recall_beats_baseline[K=5]", fault_named("no-signal"))])
    assert diagnosis.alternatives
    assert diagnosis.certainty is Certainty.OPEN


def test_what_was_seen_has_no_rivals_though_it_is_between_a_good_job_and_a_poor_ranking():
    diagnosis = found(pattern({"batch_invariant": "batch-dependent", **CHANCE}, missing=("adapter_active",)))
    assert (diagnosis.fault, diagnosis.certainty, diagnosis.alternatives) == ("batch-dependent", Certainty.SEEN, ())


# ---- what it explains, and the next suspect


def test_what_is_undecided_further_down_is_explained_too():
    diagnosis = found(pattern({"gt_in_candidates": "target-not-listed"}, inconclusive=("recall_beats_baseline",)))
    assert {family(check) for check in diagnosis.explains} == {"gt_in_candidates", "recall_beats_baseline"}


def test_a_check_that_fails_at_one_cutoff_is_explained_at_that_one():
    failed = {"recall_beats_baseline[K=10]": "history-ignored"}
    diagnosis = found(pattern(failed, base="healthy-several-cutoffs"))
    assert (diagnosis.fault, set(diagnosis.explains)) == ("history-ignored", set(failed))


def test_the_next_suspect_is_one_that_a_check_points_at_or_else_what_is_easily_taken_for_it():
    both = found(pattern({"gt_in_candidates": "target-not-listed", "no_history_leak": "history-leak"}))
    assert {both.fault, both.runner_up.fault} == {"target-not-listed", "history-leak"}
    assert both.runner_up.check in {"gt_in_candidates", "no_history_leak"}
    alone = found(pattern({"gt_in_candidates": "target-not-listed"}))
    assert alone.runner_up is None or alone.runner_up.check == ""


def test_what_is_easily_taken_for_it_is_no_suspect_where_a_check_has_excluded_it():
    fault = fault_named("survivorship")
    assert "metric-tampered" in fault.confused_with
    verdicts = pattern({"users_accounted_for": "survivorship"})
    assert Evidence(verdicts).excludes(fault_named("metric-tampered"))
    assert Evidence(verdicts).excludes(fault_named("target-not-listed"))
    assert found(verdicts).runner_up is None
    silent = tuple(ruling_out(fault_named("target-not-listed")))
    variants = tuple(name for check in silent for name in all_checks()[check].variants)
    suspect_now = found(pattern({"users_accounted_for": "survivorship"}, missing=silent + variants)).runner_up
    assert (suspect_now.fault, suspect_now.check, suspect_now.why) == (
        "target-not-listed",
        "",
        fault_named("target-not-listed").what,
    )


def test_a_finding_without_a_fault_could_not_be_judged():
    verdicts = [
        bare(check, evidence=("row 3 is None",)) for check in ("scores_well_formed", "recall_beats_baseline[K=5]")
    ]
    assert [verdict.fault for verdict in verdicts] == [None, None]
    diagnosis = found(verdicts)
    assert (diagnosis.fault, diagnosis.certainty) == (RESULT_MALFORMED.name, Certainty.SEEN)
    assert "row 3 is None" in " ".join(diagnosis.evidence)
    assert diagnosis.explains == tuple(verdict.check for verdict in verdicts)


def test_a_check_of_the_users_own_with_a_fault_of_its_own_is_named():
    own = Fault("my-fault", Stage.DATA, "It is mine.", "Do it otherwise.")
    diagnosis = found([bare("my_check", own, measured={"x": 1})])
    assert (diagnosis.fault, diagnosis.certainty) == ("my-fault", Certainty.SEEN)
    assert (diagnosis.cause, diagnosis.fix) == (own.what, own.fix)
    assert diagnosis.explains == ("my_check",)


# ---- nothing failed


def test_undecided_alone_names_no_fault():
    undecided = ("recall_beats_baseline", "recall_uniform_by_position")
    diagnosis = found(pattern({}, inconclusive=undecided))
    assert (diagnosis.fault, diagnosis.certainty) == (UNDECIDED, Certainty.OPEN)
    assert {family(check) for check in diagnosis.explains} == set(undecided)
    assert diagnosis.fix
    assert len(diagnosis.evidence) == len(undecided)
    first = next(verdict for verdict in pattern({}, inconclusive=undecided) if not verdict.ok)
    advised = replace(first, next_step="Judge on 400 users.", cause="Too few users.")
    told = found([advised])
    assert told.fix == "Judge on 400 users."
    assert first.check in told.cause


def test_a_probe_speaks_where_nothing_failed_but_something_is_undecided():
    verdicts = pattern({}, inconclusive=("recall_beats_baseline",), missing=("loss_below_random",))
    assert found(verdicts).fault == UNDECIDED
    assert found(verdicts, probe("label-offset")).fault == "label-offset"


# ---- rows of evidence


def test_several_sources_of_one_fault_each_give_a_row_and_no_more_than_five_are_kept():
    failed = {"scores_match_forward_pass": "silent-fallback", "scores_well_formed": "silent-fallback"}
    diagnosis = found(pattern({**failed, "no_order_fallback": "silent-fallback"}))
    assert diagnosis.fault == "silent-fallback"
    assert len(diagnosis.evidence) == 5
    heads = {row.partition(":")[0] for row in diagnosis.evidence}
    assert {*failed, "no_order_fallback"} <= heads


def test_the_deciding_figure_is_shown_with_its_threshold():
    figures = {"measured": {"gain": 0.125, "n": 3}, "threshold": {"chance": 0.25, "gain": 0.5}, "n": 40}
    verdict = replace(bare("a_check"), **figures)
    row = deciding_figure(verdict)
    for part in ("a_check", "gain", "0.125", "0.5", "40"):
        assert part in row
    other = deciding_figure(replace(verdict, threshold={"chance": 0.25}))
    assert "chance" in other
    assert "0.25" in other
    assert "0.25" not in row
    assert deciding_figure(replace(verdict, threshold={})).startswith("a_check: gain = 0.125, n = 40")
    assert deciding_figure(bare("a_check", evidence=("row 3 is None",))) == "a_check: row 3 is None"
    assert deciding_figure(bare("a_check")) == "a_check"


def test_an_exact_finding_says_how_many_are_affected():
    counted = {"affected": Affected(12, 400, "users"), "cause": "Their own words."}
    (exact,) = of_verdicts([bare("a_check", fault_named("history-leak"), **counted)])
    assert "12 of 400 users" in exact.cause
    assert exact.cause.endswith("Their own words.")
    assert (exact.share, exact.exact) == (0.03, True)
    (statistical,) = of_verdicts([bare("a_check", fault_named("history-leak"), p_failed=1e-9, **counted)])
    assert (statistical.cause, statistical.exact) == ("Their own words.", False)
    (none_affected,) = of_verdicts(
        [bare("a_check", fault_named("history-leak"), affected=Affected(0, 400), cause="Their own words.")]
    )
    assert none_affected.cause == "Their own words."


def test_only_failed_verdicts_suspect_and_only_their_first_fault():
    named = bare("a_check", suspect(fault_named("history-leak")), suspect(fault_named("split-overlap")))
    assert [each.fault.name for each in of_verdicts([named])] == ["history-leak"]
    for status in Status:
        if status is not Status.FAILED:
            assert list(of_verdicts([replace(named, status=status)])) == []


def test_alternatives_are_faults_with_records():
    for run_id, one in records().items():
        diagnosis = diagnose(verdicts_of(run_id)) if one["diagnosis"] is not None else None
        if diagnosis is not None:
            assert all(fault_named(name) for name in alternatives(diagnosis))
