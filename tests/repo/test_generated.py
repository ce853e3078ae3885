"""What is derived from the records of checks and faults is what the records say; every check has a test of its name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import rerank_guard
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.faults import all_injectors
from rerank_guard.suite.input_records import all_inputs
from rerank_guard.suite.planned import plan_checks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_those_of_the_records(generate):
    assert [str(path.relative_to(ROOT)) for path in generate.outdated()] == [], "run `make docs`"


def test_a_page_of_a_removed_record_is_outdated(generate, monkeypatch):
    kept = dict(list(all_checks().items())[1:])
    monkeypatch.setattr(generate, "all_checks", lambda: kept)
    gone = next(iter(all_checks()))
    assert ROOT / "docs" / "checks" / f"{gone}.md" in list(generate.outdated())


@pytest.mark.parametrize("name", all_checks())
def test_a_check_has_a_test_of_its_name(name):
    stage = all_checks()[name].stage.folder
    assert (ROOT / "tests" / "checks" / stage / f"test_{name}.py").is_file()


@pytest.mark.parametrize("name", all_checks())
def test_a_checks_record_is_whole(name):
    check = all_checks()[name]
    assert check.claim
    assert check.claim[-1] != "."
    assert check.measure.__doc__
    known = all_faults().values()
    assert all(fault in known for fault in (*check.can_name, *check.rules_out))
    assert check.looks_like is None or check.looks_like in known


def test_checks_and_inputs_have_names_of_their_own():
    assert not set(all_checks()) & set(all_inputs())


def test_every_check_is_planned_and_public():
    planned = plan_checks((5,))
    names = {each.check.name for each in planned}
    assert names == set(all_checks())
    for name, check in all_checks().items():
        assert getattr(rerank_guard, name) is check


def test_every_input_can_be_planned_for():
    assert all(each.cost is not None for each in plan_checks((5,)))


def test_every_injector_names_a_known_fault():
    assert {each.fault.name for each in all_injectors()} <= set(all_faults())
