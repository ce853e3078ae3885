"""`rerank-guard explain`: a check or a fault as text and as JSON, with executed examples."""

from __future__ import annotations

import json

import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.faults.explanation import CheckExplanation, FaultExplanation, explain
from rerank_guard.report.explain_json import check_to_json_dict, fault_to_json_dict
from rerank_guard.report.explain_text import check_lines, fault_lines

NAMES = [*(name for check in all_checks().values() for name in (check.name, *check.variants)), *all_faults()]
WIDTH = 100


def as_json(capsys, *arguments) -> dict:
    assert main(["explain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def lines_of(explained):
    return list((check_lines if isinstance(explained, CheckExplanation) else fault_lines)(explained, width=WIDTH))


@pytest.mark.parametrize("name", NAMES)
def test_everything_can_be_explained_in_a_hundred_columns(name):
    explained = explain(name)
    lines = lines_of(explained)
    assert lines[0].startswith(name)
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_strict_json(name):
    explained = explain(name)
    make = check_to_json_dict if isinstance(explained, CheckExplanation) else fault_to_json_dict
    data = json.loads(json.dumps(make(explained), allow_nan=False))
    assert data["name"] == name
    assert data["kind"] == ("check" if isinstance(explained, CheckExplanation) else "fault")


@pytest.mark.parametrize("name", all_checks())
def test_every_setting_is_documented(name):
    undocumented = [each.setting.name for each in explain(name).settings if not each.text]
    assert undocumented == []


def test_a_check_is_shown_with_executed_examples(capsys):
    assert main(["explain", "gt_in_candidates"]) == 0
    shown = capsys.readouterr().out
    assert "FAILED gt_in_candidates [target-not-listed]" in shown
    assert "PASSED gt_in_candidates" in shown
    for fault in all_checks()["gt_in_candidates"].can_name:
        assert f"  {fault.name}: " in shown
    assert all(len(line) <= WIDTH for line in shown.splitlines())


def test_a_fault_is_shown_with_executed_examples(capsys):
    assert main(["explain", "history-leak"]) == 0
    shown = capsys.readouterr().out
    assert "FAILED no_history_leak [history-leak]" in shown
    assert "PASSED no_history_leak" in shown
    assert "--only D4" in shown


def test_a_check_as_json(capsys):
    data = as_json(capsys, "target_positions_uniform")
    assert data["kind"] == "check"
    assert data["stage"] == "data"
    assert data["failing_example"]["verdict"]["status"] == "failed"
    assert data["failing_example"]["verdict"]["fault"] == "target-position-skew"
    assert data["failing_example"]["injector"] == "D5a"
    assert data["passing_example"]["verdict"]["status"] == "passed"
    settings = {each["name"]: each for each in data["settings"]}
    assert settings["alpha"]["follows_alpha"] is True
    assert settings["effect"]["value"] == settings["effect"]["default"]
    assert settings["effect"]["set_in"] is None
    assert "Ville 1939" in data["papers"]


def test_a_fault_as_json(capsys):
    data = as_json(capsys, "stale-checkpoint")
    assert data["named_by"] == []
    assert data["failing_example"]["diagnosis"]["fault"] == "stale-checkpoint"
    assert [each["id"] for each in data["injectors"]] == ["S7"]


def test_a_variant_is_explained_by_its_own_claim(capsys):
    data = as_json(capsys, "training_gt_in_candidates", "--no-examples")
    assert data["variant_of"] == "gt_in_candidates"
    assert data["claim"] == all_checks()["gt_in_candidates"].variants["training_gt_in_candidates"].claim
    assert data["failing_example"] is None
    assert data["passing_example"] is None


def test_a_check_at_a_cutoff(capsys):
    assert as_json(capsys, "recall_beats_baseline[K=20]", "--no-examples")["name"] == "recall_beats_baseline[K=20]"


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("label-ofset", "label-offset"),
        ("prompts_mach", "prompts_match"),
        ("training_gt_in_candidate", "training_gt_in_candidates"),
        ("recall_beats_baselin[K=20]", "recall_beats_baseline"),
        ("gt_in_candidates[K=20]", "gt_in_candidates"),
        ("recall_beats_baseline[20]", "recall_beats_baseline"),
    ],
)
def test_an_unknown_name_ends_with_2_and_names_the_closest(capsys, name, closest):
    assert main(["explain", name]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert closest in told.err
    with pytest.raises(UnknownNameError):
        explain(name)


def test_a_name_like_no_other_ends_with_2(capsys):
    assert main(["explain", "zzzzzzzz"]) == 2
    assert "zzzzzzzz" in capsys.readouterr().err


def test_settings_are_shown_as_they_are_configured_here():
    configured = {
        "target_positions_uniform": {"effect": (0.2, "pyproject.toml")},
        "gt_in_candidates": {"effect": (0.3, "elsewhere")},
    }
    explained = explain("training_target_positions_uniform", configured)
    assert isinstance(explained, CheckExplanation)
    by_name = {each.setting.name: each for each in explained.settings}
    assert (by_name["effect"].value, by_name["effect"].origin, by_name["effect"].differs) == (
        0.2,
        "pyproject.toml",
        True,
    )
    assert (by_name["alpha"].origin, by_name["alpha"].differs) == ("", False)
    (line,) = [each for each in check_lines(explained, width=WIDTH) if each.startswith("  effect = ")]
    assert "0.2" in line
    assert "pyproject.toml" in line
    assert "default 0.01" in line


def test_a_fault_says_which_checks_name_it_and_rule_it_out():
    explained = explain("history-leak")
    assert isinstance(explained, FaultExplanation)
    assert explained.named_by == ("no_history_leak",)
    for name, check in all_checks().items():
        assert (explained.fault in check.can_name) == (name in explained.named_by)
        assert (explained.fault in check.rules_out) == (name in explained.ruled_out_by)
    assert [each.id for each in explained.injectors] == ["D4"]


def test_the_sources_of_the_statistics_that_a_docstring_names_are_sources_of_the_check():
    assert "Waudby-Smith and Ramdas 2023" in explain("recall_beats_baseline").papers


def test_what_a_check_needs_is_its_methods_or_a_reference_run():
    explained = explain("no_regression")
    assert explained.needs_reference
    assert explained.methods == ()
    assert explain("gt_in_candidates").methods == ("tasks()",)
    assert explain("calibrated").methods != ()


def test_the_help_lists_what_can_be_asked(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "--no-examples" in shown
