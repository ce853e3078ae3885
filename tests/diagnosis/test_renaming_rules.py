"""Rules that correct what one check took for likely, by what the other verdicts exclude: where each speaks, and where not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from diagnosis.patterns import ALL_RULED_OUT, CHANCE, found
from diagnosis.recorded_verdicts import pattern
from recorded.compare import family
from rerank_guard.diagnosis.evidence import Evidence
from rerank_guard.diagnosis.rules.renaming import (
    RENAMING,
    base_was_scored,
    enough_steps,
    faint_probabilities,
    had_learned_before,
    no_job_to_blame,
    ordinary_steps,
    overfits_and_learns_nothing,
    renamed,
    weights_thrown,
    worse_than_chance,
)
from rerank_guard.diagnosis.suspicion import of_verdicts

LOSS = "loss_below_random"
WEIGHTS = "only_trainable_weights_updated"
NO_GAIN = {"gain": -0.01, "log10_e_value": 0.1, "optimizer_steps": 200, "planned_steps": 200}
FELL = {"recall": 0.4, "stored_recall": 0.7725}


@dataclass(frozen=True)
class Case:
    """A pattern in which a rule is asked about the suspicion of one check.

    Attributes:
        rule: the rule.
        source: the check.
        failed, figures, missing: of the pattern.
        gives: the fault that the rule names; None where it says nothing.
    """

    rule: object
    source: str
    failed: dict
    gives: str | None
    figures: dict = field(default_factory=dict)
    missing: tuple = ()

    def __str__(self) -> str:
        of = [*self.failed, *(f"{name}={value}" for each in self.figures.values() for name, value in each.items())]
        return f"{self.rule.__name__}-{self.gives or 'silent'}-{'-'.join((*of, *self.missing))}"


def moved(change):
    return {WEIGHTS: {"relative_change": change}}


def loss(**figures):
    return {LOSS: {**NO_GAIN, **figures}}


DIVERGED = {LOSS: "diverged"}
STUCK = {LOSS: "no-signal"}
SHORT = {LOSS: "under-trained"}
REGRESSED = {"no_regression": "regression"}
INACTIVE = {"adapter_active": "adapter-inactive"}
ELSEWHERE = {"scores_match_forward_pass": "scores-not-from-model", "survives_reload": "adapter-inactive"}
FAINT = {"probabilities_not_uniform": "no-signal"}
SLIGHT = {"recall_beats_baseline": "under-trained"}
SLIGHT_FIGURES = {"recall_beats_baseline": {"recall": 0.27}}
FELL_TOO = {"no_regression": FELL}

CASES = [
    Case(worse_than_chance, LOSS, {**DIVERGED, "recall_beats_baseline": "reversed"}, "anti-learning"),
    Case(worse_than_chance, LOSS, {**DIVERGED, **CHANCE}, None),
    Case(worse_than_chance, LOSS, {**STUCK, "recall_beats_baseline": "reversed"}, None),
    Case(weights_thrown, LOSS, STUCK, "diverged", moved(10.1)),
    Case(weights_thrown, LOSS, SHORT, "diverged", {**moved(25.0), **loss()}),
    Case(weights_thrown, LOSS, STUCK, None, moved(10.0)),
    Case(weights_thrown, LOSS, STUCK, None, moved(None)),
    Case(weights_thrown, LOSS, STUCK, None, missing=(WEIGHTS,)),
    Case(weights_thrown, "recall_beats_baseline", CHANCE, None, moved(25.0)),
    Case(weights_thrown, LOSS, {LOSS: "silent-nan"}, None, moved(25.0)),
    Case(ordinary_steps, LOSS, DIVERGED, "anti-learning", moved(1.9)),
    Case(ordinary_steps, LOSS, DIVERGED, None, moved(2.0)),
    Case(ordinary_steps, LOSS, DIVERGED, None, moved(0.0)),
    Case(ordinary_steps, LOSS, DIVERGED, None, moved(None)),
    Case(ordinary_steps, LOSS, STUCK, None, moved(1.9)),
    Case(enough_steps, LOSS, SHORT, "no-signal", loss()),
    Case(enough_steps, LOSS, SHORT, "no-signal", loss(optimizer_steps=100)),
    Case(enough_steps, LOSS, SHORT, None, loss(optimizer_steps=99)),
    Case(enough_steps, LOSS, SHORT, "no-signal", loss(log10_e_value=2.9)),
    Case(enough_steps, LOSS, SHORT, None, loss(log10_e_value=3.0)),
    Case(enough_steps, LOSS, SHORT, None, loss(), missing=("training_planned",)),
    Case(enough_steps, LOSS, STUCK, None, loss()),
    Case(had_learned_before, LOSS, {**STUCK, **REGRESSED}, "regression", FELL_TOO),
    Case(had_learned_before, LOSS, {**SHORT, **REGRESSED}, "regression", {**FELL_TOO, **loss()}),
    Case(
        had_learned_before,
        "permutation_equivariant",
        {**STUCK, **REGRESSED, "permutation_equivariant": "position-prior"},
        "regression",
        FELL_TOO,
    ),
    Case(had_learned_before, LOSS, STUCK, None),
    Case(had_learned_before, LOSS, {**DIVERGED, **REGRESSED}, None, FELL_TOO),
    Case(
        had_learned_before,
        "permutation_equivariant",
        {**REGRESSED, "permutation_equivariant": "position-prior"},
        None,
        FELL_TOO,
    ),
    Case(overfits_and_learns_nothing, LOSS, STUCK, "no-signal"),
    Case(overfits_and_learns_nothing, LOSS, STUCK, None, missing=("overfits_one_batch",)),
    Case(overfits_and_learns_nothing, LOSS, DIVERGED, None),
    Case(overfits_and_learns_nothing, "recall_beats_baseline", CHANCE, None),
    *(
        Case(faint_probabilities, "probabilities_not_uniform", failed, gives, figures, missing)
        for fault in ("no-signal", "position-prior")
        for failed, gives, figures, missing in (
            ({"probabilities_not_uniform": fault}, "score-scale-wrong", {}, ()),
            ({"probabilities_not_uniform": fault}, "score-scale-wrong", {}, (LOSS,)),
            ({"probabilities_not_uniform": fault}, None, {}, ("probabilities_agree",)),
            ({"probabilities_not_uniform": fault, **SHORT}, "under-trained", loss(), ()),
        )
    ),
    *(
        Case(no_job_to_blame, "recall_beats_baseline", {**SLIGHT, **also}, gives, figures, missing)
        for also, gives, figures, missing in (
            ({}, "baseline-not-beaten", SLIGHT_FIGURES, ()),
            ({}, "baseline-not-beaten", SLIGHT_FIGURES, (LOSS,)),
            (SHORT, None, {**SLIGHT_FIGURES, **loss()}, ()),
        )
    ),
    Case(no_job_to_blame, "recall_beats_baseline", CHANCE, None),
    Case(faint_probabilities, "probabilities_not_uniform", {**FAINT, **CHANCE}, None),
    Case(faint_probabilities, "probabilities_not_uniform", {"probabilities_not_uniform": "silent-fallback"}, None),
    Case(faint_probabilities, "permutation_equivariant", {"permutation_equivariant": "position-prior"}, None),
    Case(base_was_scored, "adapter_active", {**INACTIVE, **ELSEWHERE}, "stale-checkpoint"),
    Case(base_was_scored, "survives_reload", {**INACTIVE, **ELSEWHERE}, None),
    Case(base_was_scored, "adapter_active", {**INACTIVE, **ELSEWHERE, **STUCK}, None),
    *(
        Case(base_was_scored, "adapter_active", {**INACTIVE, check: fault}, None)
        for check, fault in ELSEWHERE.items()
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_speaks_of_its_own_pattern_alone(case):
    evidence = Evidence(pattern(case.failed, measured=case.figures, missing=case.missing))
    (suspicion,) = [each for each in of_verdicts(evidence.verdicts) if family(each.source) == case.source]
    given = case.rule(suspicion, evidence)
    assert (given and given.fault.name) == case.gives
    if given is not None:
        assert given.source == suspicion.source
        assert given.strength is suspicion.strength
        assert given.cause != suspicion.cause
    if given is not None and given.fault is not suspicion.fault:
        assert given.fix == given.fault.fix
        assert given.fault.what in given.cause


def test_every_rule_speaks_in_some_case_and_is_silent_in_another():
    for rule in RENAMING:
        assert {case.gives is None for case in CASES if case.rule is rule} == {True, False}, rule.__name__


def test_a_rule_is_applied_to_what_the_rules_before_it_gave():
    """Enough steps, so no under-training; the reference run had learned, so not data without signal either."""
    evidence = Evidence(pattern({**SHORT, **REGRESSED}, measured={**loss(), **FELL_TOO}))
    assert enough_steps is not had_learned_before
    suspicion = next(each for each in of_verdicts(evidence.verdicts) if each.source == LOSS)
    assert renamed(suspicion, evidence).fault.name == "regression"
    evidence = Evidence(pattern(SHORT, measured=loss()))
    given = renamed(next(of_verdicts(evidence.verdicts)), evidence)
    assert given.fault.name == "no-signal"
    assert given.cause != enough_steps(next(of_verdicts(evidence.verdicts)), evidence).cause, (
        "it overfits one batch"
    )


@pytest.mark.parametrize(("change", "fault"), [(0.5, "no-signal"), (25.0, "diverged")], ids=["ordinary", "thrown"])
def test_weights_thrown_far_are_a_divergence_and_not_a_missing_signal(change, fault):
    assert found(pattern({**STUCK, **CHANCE}, measured=moved(change))).fault == fault


@pytest.mark.parametrize(("change", "fault"), [(0.4, "anti-learning"), (5.0, "diverged"), (None, "diverged")])
def test_a_loss_that_runs_away_on_ordinary_steps_has_the_wrong_sign(change, fault):
    assert found(pattern({**DIVERGED, **CHANCE}, measured=moved(change))).fault == fault


def test_a_loss_that_rose_to_a_ranking_below_chance_has_the_wrong_sign():
    assert found(pattern({**DIVERGED, "recall_beats_baseline": "reversed"})).fault == "anti-learning"
    assert found(pattern({**DIVERGED, **CHANCE})).fault == "diverged"


@pytest.mark.parametrize(
    ("figures", "missing", "fault"),
    [
        ({}, (), "no-signal"),
        ({"optimizer_steps": 20, "planned_steps": 300}, (), "under-trained"),
        ({"log10_e_value": 8.0}, (), "under-trained"),
        ({}, ("training_planned",), "under-trained"),
    ],
)
def test_a_job_cut_short_is_under_trained_and_one_that_ran_its_plan_is_not(figures, missing, fault):
    assert found(pattern({**SHORT, **CHANCE}, measured=loss(**figures), missing=missing)).fault == fault


def test_a_job_that_had_learned_in_the_reference_run_has_regressed():
    """Noisy labels: without a reference run there is no signal; with one it is known that there was."""
    stuck = {**STUCK, "permutation_equivariant": "position-prior"}
    assert found(pattern(stuck)).fault == "no-signal"
    assert found(pattern({**stuck, **REGRESSED}, measured=FELL_TOO)).fault == "regression"
    ranking = {"permutation_equivariant": "position-prior", **REGRESSED}
    assert found(pattern(ranking, measured=FELL_TOO)).fault == "position-prior", "the job learned"


def test_a_job_that_overfits_one_batch_leaves_the_data():
    with_batch, without = (
        found(pattern({**STUCK, **CHANCE}, missing=missing)) for missing in ((), ("overfits_one_batch",))
    )
    assert with_batch.cause.startswith(without.cause)
    assert len(with_batch.cause) > len(without.cause)


@ALL_RULED_OUT
@pytest.mark.parametrize(("also", "fault"), [({}, "score-scale-wrong"), (CHANCE, "no-signal")])
def test_faint_probabilities_under_a_good_ranking_are_on_another_scale(also, fault):
    assert found(pattern({**FAINT, **also})).fault == fault


def test_an_adapter_that_takes_no_part_where_all_else_scores_otherwise_is_another_checkpoint():
    failed = {**INACTIVE, **ELSEWHERE, **FAINT, **CHANCE}
    assert found(pattern(failed)).fault == "stale-checkpoint"
    assert found(pattern({**INACTIVE, **FAINT, **CHANCE})).fault == "adapter-inactive"
