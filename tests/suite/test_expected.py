"""Checks that are expected to fail: what counts for the run, what stops the job, what the diagnosis explains."""

from __future__ import annotations

import pytest

from rerank_guard.core.report import Report, Subject
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.faults import Wrapped, injector
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import check_reranker
from rerank_guard.suite.error_budget import within_budget
from rerank_guard.suite.planned import plan_checks
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun

EXPECTED = {"gt_in_candidates": "known"}


@pytest.fixture(scope="module")
def healthy():
    return make_healthy()


@pytest.fixture(scope="module")
def dropped(healthy) -> Wrapped:
    return injector("D1").broken(healthy)


def verdict(status, *, expected="", p_failed=None):
    return Verdict("check", status, "it holds", {}, {}, 1, expected=expected, p_failed=p_failed)


@pytest.mark.parametrize(
    ("status", "ok", "excused"),
    [
        (Status.PASSED, False, False),
        (Status.FAILED, True, True),
        (Status.INCONCLUSIVE, True, True),
        (Status.NOT_APPLICABLE, True, False),
        (Status.NOT_RUN, True, False),
        (Status.IGNORED, True, False),
    ],
)
def test_what_counts(status, ok, excused):
    judged = verdict(status, expected="known")
    assert (judged.ok, judged.excused) == (ok, excused)
    other = verdict(Status.PASSED)
    assert Report(Subject("t", "d", "cpu", 0, {}, {}), (judged, other)).ok is ok


def test_the_only_failure_is_excused_explained_by_nothing_and_does_not_stop_the_job(dropped):
    report = check_reranker(dropped, RunSettings(expected=EXPECTED))
    (judged,) = [each for each in report.verdicts if each.check == "gt_in_candidates"]
    assert (judged.status, judged.expected, judged.excused) == (Status.FAILED, "known", True)
    assert all(each.status is not Status.NOT_RUN for each in report.verdicts)
    assert (report.ok, report.diagnosis, report.problems) == (True, None, ())
    without = check_reranker(dropped)
    assert any(each.status is Status.NOT_RUN for each in without.verdicts)
    assert (without.ok, without.diagnosis.fault) == (False, "target-not-listed")


def test_what_passes_though_expected_to_fail_is_the_only_problem(healthy):
    report = check_reranker(healthy, RunSettings(expected=EXPECTED))
    assert (report.ok, [(each.check, each.fault) for each in report.problems]) == (
        False,
        [("gt_in_candidates", None)],
    )
    assert report.diagnosis is None, "nothing is wrong with the reranker"


def test_a_reason_that_is_given_to_judge_takes_the_place_of_the_settings(dropped):
    run = SuiteRun(dropped, RunSettings(expected=EXPECTED))
    planned = next(each for each in plan_checks((5,)) if each.name == "gt_in_candidates")
    assert run.judge(planned, expected="mark").expected == "mark"
    assert run.judge(planned).expected == "known"
    assert run.stopped_by == []
    assert run.judge(planned, expected="").expected == ""
    assert run.stopped_by == ["gt_in_candidates"]


def test_an_expected_failure_enters_the_budget_like_any_other():
    barely, clear = verdict(Status.FAILED, p_failed=8e-4), verdict(Status.FAILED, p_failed=1e-9)
    others = [verdict(Status.PASSED, p_failed=1.0) for _ in range(9)]
    for expected in ("", "known"):
        apart = Verdict(**{**_fields(clear), "expected": expected})
        assert [each.status for each in within_budget([apart, barely, *others])[:2]] == [
            Status.FAILED,
            Status.INCONCLUSIVE,
        ]


def test_a_healthy_run_has_no_p_value_without_a_level(healthy):
    levels = {each.name for each in plan_checks(tuple(range(1, 20))) if each.is_statistical}
    verdicts = check_reranker(healthy).verdicts
    assert {each.check for each in verdicts if each.p_failed is not None} <= levels
    assert sum(each.p_failed is not None for each in verdicts) >= 5


def _fields(judged: Verdict) -> dict:
    return {name: getattr(judged, name) for name in Verdict.__dataclass_fields__}
