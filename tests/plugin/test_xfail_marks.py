"""pytest's own xfail marks on the suite's items: report, exit code and pytest's outcome say the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from inner_run import Run

from rerank_guard.checks.registry import all_checks
from rerank_guard.suite import planned

CONFTEST = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "gt_in_candidates":
            item.add_marker(pytest.mark.xfail({}))
"""
TARGET = ("--rerank-target", "fake_targets:target_dropped", "--rerank-select=gt_in_candidates,split_disjoint")
HEALTHY = ("--rerank-target", "fake_targets:healthy", "--rerank-select=gt_in_candidates,split_disjoint")


@pytest.fixture
def verdict_of(pytester):
    def read(name: str) -> dict:
        data = json.loads(next(pytester.path.rglob("report.json")).read_text(encoding="utf-8"))
        (found,) = (each for each in data["verdicts"] if each["check"] == name)
        return found | {"report": data["ok"]}

    return read


@pytest.mark.parametrize(
    ("mark", "excused"),
    [
        ("reason='known'", True),
        ("reason='known', strict=True", True),
        ("True, reason='known'", True),
        ("False, reason='known'", False),
        ("'1 < 2', reason='known'", True),
        ("reason='known', raises=pytest.fail.Exception", True),
        ("reason='known', raises=(ValueError, pytest.fail.Exception)", True),
        ("reason='known', raises=ValueError", False),
        ("reason='known', raises=pytest.RaisesExc(ValueError)", False),
    ],
)
def test_the_report_excuses_what_pytest_excuses(mark, excused, run: Run, pytester, verdict_of) -> None:
    pytester.makeconftest(CONFTEST.format(mark))
    result = run(*TARGET)
    outcomes = result.parseoutcomes()
    assert (outcomes.get("xfailed", 0), outcomes.get("failed", 0)) == ((1, 0) if excused else (0, 1))
    assert result.ret == (0 if excused else 1)
    verdict = verdict_of("gt_in_candidates")
    assert (verdict["status"], verdict["expected"]) == ("failed", "known" if excused else "")
    assert verdict["report"] is excused


def test_runxfail_counts_what_the_configuration_expects_too(run: Run, pytester, verdict_of) -> None:
    pytester.makefile(".toml", rerank_guard="[expected]\ngt_in_candidates = 'known'\n")
    assert run(*TARGET).ret == 0
    assert run(*TARGET, "--runxfail").ret == 1
    assert verdict_of("gt_in_candidates")["report"] is False
    assert run(*HEALTHY).ret == 1
    assert run(*HEALTHY, "--runxfail").ret == 0, "without the expectation, passing is as it should be"
    assert verdict_of("gt_in_candidates")["report"] is True


def test_an_expected_check_that_is_ignored_is_neither(run: Run, pytester, verdict_of) -> None:
    pytester.makefile(".toml", rerank_guard="[expected]\ngt_in_candidates = 'known'\n")
    assert run(*TARGET, "--rerank-ignore=gt_in_candidates").ret == 0
    assert verdict_of("gt_in_candidates")["status"] == "ignored"


def test_expected_at_one_cutoff_alone(run: Run, pytester, verdict_of) -> None:
    pytester.makefile(".toml", rerank_guard="[expected]\n'recall_beats_baseline[K=5]' = 'known'\n")
    given = ("--rerank-target", "fake_targets:sign_flipped", "--rerank-select=recall_beats_baseline")
    assert run(*given, "--rerank-k=3,5").ret == 1
    assert verdict_of("recall_beats_baseline[K=5]")["expected"] == "known"
    assert verdict_of("recall_beats_baseline[K=3]")["expected"] == ""
    assert run(*given, "--rerank-k=5").ret == 0
    assert run(*given, "--rerank-k=3").ret == 4, "the run has no such cutoff"


def test_runxfail_does_not_make_a_preview_check_count(run: Run, monkeypatch, verdict_of) -> None:
    record = all_checks()["recall_beats_baseline"]
    changed = {**all_checks(), record.name: replace(record, preview=True)}
    monkeypatch.setattr(planned, "all_checks", lambda: changed)
    given = ("--rerank-target", "fake_targets:sign_flipped", "--rerank-select=recall_beats_baseline")
    assert run(*given).ret == 0
    assert run(*given, "--runxfail").ret == 0
    assert verdict_of("recall_beats_baseline[K=5]")["preview"] is True
