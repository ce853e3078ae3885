"""Which verdicts the names of a configuration mean."""

from __future__ import annotations

import pytest

from rerank_guard.core.errors import ConfigError
from rerank_guard.core.stage import Stage
from rerank_guard.suite.names import check_names
from rerank_guard.suite.planned import plan_checks
from rerank_guard.suite.selection import chosen, expected_reason, is_selected, settings_for, unmatched
from rerank_guard.suite.settings import RunSettings

PLANNED = plan_checks((5, 20))
BY_NAME = {each.name: each for each in PLANNED}
REFERENCE = ("reference_run", "reference_throughput")


def names(select):
    return [each.name for each in chosen(PLANNED, select, ())]


def test_by_check_by_cutoff_by_stage_and_by_fault():
    assert names(["recall_beats_baseline"]) == ["recall_beats_baseline[K=5]", "recall_beats_baseline[K=20]"]
    assert names(["recall_beats_baseline[K=20]"]) == ["recall_beats_baseline[K=20]"]
    assert {BY_NAME[name].check.stage for name in names(["data"])} == {Stage.DATA}
    for name in names(["target-not-listed"]):
        assert "target-not-listed" in {fault.name for fault in BY_NAME[name].check.can_name}


def test_a_check_is_not_its_variant():
    assert names(["gt_in_candidates"]) == ["gt_in_candidates"]
    assert names(["training_gt_in_candidates"]) == ["training_gt_in_candidates"]


def test_without_names_all_that_needs_no_reference_run():
    assert names([]) == [each.name for each in PLANNED if not each.missing_from_run(())]
    assert len(chosen(PLANNED, [], REFERENCE)) == len(PLANNED)
    assert "no_regression[K=5]" not in names(["quality"])
    assert [each.family for each in chosen(PLANNED, ["no_regression"], ())][:1] == ["no_regression"]


@pytest.mark.parametrize("name", check_names())
def test_every_name_means_a_verdict(name):
    assert any(is_selected(each, [name]) for each in PLANNED)


def test_cutoffs_that_a_run_does_not_have():
    given = ["recall_beats_baseline[K=7]", "recall_beats_baseline[K=05]", "data[K=5]", "data", "calibrated[K=5]"]
    assert unmatched([*given, "recall_beats_baseline[K=5]"], PLANNED) == [each for each in given if each != "data"]


def test_a_reason_for_a_check_is_that_of_its_cutoffs_unless_one_has_its_own():
    settings = RunSettings(expected={"recall_beats_baseline": "all", "recall_beats_baseline[K=20]": "one"})
    assert expected_reason(BY_NAME["recall_beats_baseline[K=5]"], settings) == "all"
    assert expected_reason(BY_NAME["recall_beats_baseline[K=20]"], settings) == "one"
    assert expected_reason(BY_NAME["calibrated"], settings) == ""
    variant = RunSettings(expected={"gt_in_candidates": "known"})
    assert expected_reason(BY_NAME["training_gt_in_candidates"], variant) == ""


def test_settings_of_the_variant_over_those_of_the_check_over_the_level_of_the_run():
    settings = RunSettings(
        alpha=0.01,
        checks={
            "calibrated": {"alpha": 0.02},
            "gt_in_candidates": {"max_missing": 1},
            "training_gt_in_candidates": {"max_missing": 2.0},
        },
    )
    assert settings_for(BY_NAME["calibrated"], settings) == {"alpha": 0.02}
    assert settings_for(BY_NAME["gt_in_candidates"], settings) == {"max_missing": 1}
    got = settings_for(BY_NAME["training_gt_in_candidates"], settings)
    assert (got, type(got["max_missing"])) == ({"max_missing": 2}, int)


@pytest.mark.parametrize("planned", PLANNED, ids=lambda planned: planned.name)
def test_every_level_follows_the_run(planned):
    levels = [name for name, setting in planned.check.settings.items() if setting.is_level]
    assert levels in ([], ["alpha"]), "a level of another name would not follow"
    assert settings_for(planned, RunSettings(alpha=0.01)) == dict.fromkeys(levels, 0.01)
    assert planned.is_statistical is bool(levels)


@pytest.mark.parametrize(
    "given",
    [
        {"select": "data"},
        {"ignore": ("datta",)},
        {"select": ("",)},
        {"expected": {"data": "a stage"}},
        {"expected": {"calibrated": ""}},
        {"expected": {"calibrated": None}},
        {"expected": {"calibrated[K=x]": "known"}},
        {"checks": {"calibratd": {}}},
        {"checks": {"calibrated": {"alfa": 0.1}}},
        {"checks": {"calibrated": {"alpha": 10**400}}},
        {"checks": {"gt_in_candidates": {"max_missing": 10**400}}},
        {"checks": {"recall_beats_baseline[K=5]": {"effect": 0.1}}},
    ],
)
def test_names_and_settings_that_are_refused(given):
    with pytest.raises(ConfigError):
        RunSettings(**given)
