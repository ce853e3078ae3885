"""Case 10: each planned check without a verdict is listed with its reason, and the report is not ok."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.suite import check_reranker, planned


def broken(monkeypatch, *names):
    """Checks of ours that raise."""

    def measure(*args, **kwargs):
        raise FloatingPointError("underflow")

    changed = dict(all_checks())
    for name in names:
        measure.__name__ = name
        record = changed[name]
        wrapped = lambda *args, **kwargs: measure()  # noqa: E731
        wrapped.__name__ = name
        wrapped.__signature__ = __import__("inspect").signature(record.measure)
        changed[name] = replace(record, measure=wrapped)
    monkeypatch.setattr(planned, "all_checks", lambda: changed)


@pytest.mark.parametrize(
    "names",
    [
        ("gt_in_candidates",),
        ("scores_deterministic",),
        ("recall_beats_baseline",),
        ("gt_in_candidates", "calibrated"),
    ],
)
def test_a_check_that_raises_is_an_error_of_that_check_alone(folder, run, report_of, monkeypatch, names) -> None:
    import small

    whole = [verdict.check for verdict in check_reranker(small.good()).verdicts]
    broken(monkeypatch, *names)
    report = check_reranker(small.good())
    raised = [check for check in whole if check.partition("[")[0] in names and check != "calibrated"]
    assert [error.check for error in report.errors] == raised
    assert [verdict.check for verdict in report.verdicts] == [check for check in whole if check not in raised]
    assert not report.ok
    assert main(["doctor", "--target", "small:good"]) == 2
    assert run("--rerank-target", "small:good").ret == 1
    written = report_of()
    assert written["ok"] is False
    assert [error["check"] for error in written["errors"]] == raised
    assert written["unjudged"] == []


def test_what_the_user_made_of_numpys_errors_breaks_no_check(folder) -> None:
    import small

    with np.errstate(all="raise"):
        assert check_reranker(small.good()).ok


@pytest.mark.parametrize("folder_option", [[], ["--rerank-report", "rerank-report"]])
def test_an_interrupt(folder, report_of, folder_option) -> None:
    options = ("-p", "no:torch", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider")
    result = folder.runpytest_subprocess(*options, "--rerank-target", "small:interrupted", *folder_option)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    report = report_of()
    assert report["ok"] is False
    assert {"scores_well_formed", "recall_beats_baseline[K=5]"} <= {each["check"] for each in report["unjudged"]}
    assert all(each["reason"] for each in report["unjudged"])
    assert "rerank-guard: not passed" in (folder.path / "rerank-report" / "summary.md").read_text()


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_that_stops_early(folder, run, report_of, option) -> None:
    run("--rerank-target", "small:reversed_order", option)
    report = report_of()
    assert report["ok"] is False
    assert report["unjudged"]


def test_deselected_checks_are_not_missed(folder, run, report_of) -> None:
    assert run("--rerank-target", "small:good", "-k", "gt_in_candidates").ret == 0
    assert report_of()["unjudged"] == []


def test_doctor_leaves_no_report_of_another_run(folder) -> None:
    (folder.path / "out").mkdir()
    stale = folder.path / "out" / "report.json"
    stale.write_text('{"ok": true}')
    assert main(["doctor", "--target", "small:interrupted", "--report", "out"]) == 130
    assert not stale.exists()
