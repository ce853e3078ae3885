"""What a run judges and in which order: cheapest first, then by stage, early checks before the others of theirs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.check import CUTOFF, Variant, check
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.finding import Finding
from rerank_guard.core.given import Cost
from rerank_guard.core.setting import Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status
from rerank_guard.suite.input_records import RUN_GIVEN, cost_of
from rerank_guard.suite.planned import Planned, plan_checks
from rerank_guard.suite.selection import chosen
from suite.asked_reranker import Asked

CUTOFFS = (5, 20)
EVERYTHING = plan_checks(CUTOFFS)
NEEDS_RUN = {
    name: needed
    for name, record in all_checks().items()
    if (needed := {given for given in Planned(record).required if given in RUN_GIVEN})
}


def families_given(given):
    """What a run that brings these inputs judges."""
    return {each.family for each in chosen(EVERYTHING, (), given)}


def test_every_check_is_planned_once_a_cutoff_and_once_a_variant():
    names = [each.name for each in EVERYTHING]
    assert len(names) == len(set(names))
    expected = {
        each if CUTOFF not in record.inputs else f"{each}[K={k}]"
        for name, record in all_checks().items()
        for each in (name, *record.variants)
        for k in CUTOFFS
    }
    assert set(names) == expected


def test_the_order_is_by_cost_then_by_stage_then_early_then_by_name():
    for one, other in pairwise(EVERYTHING):
        before, after = (
            (each.cost, each.check.stage, not each.check.early, each.check.name) for each in (one, other)
        )
        assert before <= after, (one.name, other.name)
    assert [each.cost for each in EVERYTHING] == sorted(each.cost for each in EVERYTHING)
    assert {each.cost for each in EVERYTHING} == set(Cost)


def test_the_cutoffs_of_one_check_are_in_the_order_given():
    at = [each.k for each in plan_checks((20, 5)) if each.check.name == "recall_beats_baseline"]
    assert at == [20, 5]


@pytest.mark.parametrize("planned", EVERYTHING, ids=lambda planned: planned.name)
def test_a_check_costs_what_its_most_expensive_input_costs(planned):
    assert planned.cost == max(map(cost_of, planned.inputs.values()))
    assert set(planned.required) <= set(planned.inputs.values())
    assert planned.claim


@pytest.mark.parametrize("name", sorted(NEEDS_RUN))
def test_a_check_that_needs_a_reference_run_is_left_out_without_one(name):
    assert name not in families_given(())
    assert name in families_given(NEEDS_RUN[name])
    for needed in NEEDS_RUN[name]:
        assert name not in families_given(RUN_GIVEN - {needed})


def test_without_a_reference_run_nothing_else_is_left_out():
    missing = {each.family for each in EVERYTHING} - families_given(())
    assert missing == set(NEEDS_RUN)
    assert missing


@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant) for name, record in all_checks().items() for variant in record.variants]
)
def test_a_variant_is_the_check_on_other_inputs_under_another_name_and_claim(name, variant):
    record = all_checks()[name]
    itself, other = Planned(record), Planned(record, None, variant)
    assert (other.name, other.family) == (variant, variant)
    replaced = record.variants[variant].inputs
    assert {parameter: other.inputs[parameter] for parameter in replaced} == replaced
    kept = set(record.inputs) - set(replaced)
    assert {other.inputs[parameter] == itself.inputs[parameter] for parameter in kept} <= {True}
    assert other.claim != itself.claim


@check(
    stage=Stage.SCORING,
    claim="a claim",
    per="cutoff",
    variants={"on_training": Variant({"tasks": "training_tasks"}, "another claim")},
)
def small(scores, tasks, k, probabilities=None, *, alpha: Level = 0.01):
    return Finding(Status.PASSED)


def test_a_planned_check_knows_its_name_inputs_and_what_it_can_do_without():
    planned = Planned(small, 5)
    assert (planned.name, planned.family, planned.claim) == ("small[K=5]", "small", "a claim")
    assert planned.inputs == {name: name for name in ("scores", "tasks", "k", "probabilities")}
    assert planned.required == ("scores", "tasks", "k")
    assert planned.is_optional("probabilities")
    assert not planned.is_optional("scores")
    assert planned.cost is Cost.SCORING
    assert planned.missing(Asked()) == ()
    variant = Planned(small, 5, "on_training")
    assert (variant.name, variant.claim) == ("on_training[K=5]", "another claim")
    assert variant.inputs["tasks"] == "training_tasks"
    assert [capability.__name__ for capability in variant.missing(Asked())] == ["KnowsTrainingTasks"]


def test_a_check_whose_input_does_not_exist_cannot_be_planned():
    @check(stage=Stage.SCORING, claim="a claim")
    def misspelt(sores):
        return Finding(Status.PASSED)

    with pytest.raises(UnknownNameError, match="scores"):
        _ = Planned(misspelt).cost
