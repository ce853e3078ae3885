"""From a finding to a verdict: the finding's own words first, then its suspect's, then the record's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rerank_guard.core.faults.data import HISTORY_LEAK, SPLIT_OVERLAP
from rerank_guard.core.finding import Affected, Finding, Limit, Strength, Suspected, suspect
from rerank_guard.core.verdict import Interval, Status
from rerank_guard.core.wording import worded

FAILED = Finding(
    Status.FAILED,
    {"broken": 3, "seen": 9},
    (Limit("broken", "<=", 0), Limit("seen", ">", 4)),
    {"chance": 0.25},
    n=40,
    interval=Interval(0.1, 0.2, 0.99, "exact"),
    evidence=("row 1",),
    suspects=(suspect(HISTORY_LEAK), suspect(SPLIT_OVERLAP)),
    affected=Affected(3, 40),
    p_failed=0.01,
)


def verdict_of(finding):
    return worded(finding, check="a_check[K=5]", claim="the record's claim")


def test_all_that_was_measured_is_in_the_verdict():
    verdict = verdict_of(FAILED)
    assert (verdict.check, verdict.status, verdict.claim) == ("a_check[K=5]", Status.FAILED, "the record's claim")
    assert list(verdict.measured.items()) == [("broken", 3), ("seen", 9)], "the first one decides"
    assert verdict.threshold == {"broken": 0, "seen": 4, "chance": 0.25}
    assert verdict.signs == {"broken": "<=", "seen": ">"}
    for name in ("n", "interval", "evidence", "suspects", "affected", "p_failed"):
        assert getattr(verdict, name) == getattr(FAILED, name), name


def test_a_finding_may_have_a_claim_of_its_own():
    assert verdict_of(replace(FAILED, claim="with 40 users")).claim == "with 40 users"


@pytest.mark.parametrize(
    ("changes", "cause", "next_step"),
    [
        ({}, HISTORY_LEAK.what, HISTORY_LEAK.fix),
        (
            {"suspects": (Suspected(HISTORY_LEAK, Strength.SEEN, "the check's", "the check's fix"),)},
            "the check's",
            "the check's fix",
        ),
        (
            {"suspects": (Suspected(HISTORY_LEAK, Strength.SEEN, "the check's"),)},
            "the check's",
            HISTORY_LEAK.fix,
        ),
        ({"cause": "the finding's", "next_step": "its step"}, "the finding's", "its step"),
        ({"next_step": "its step"}, HISTORY_LEAK.what, "its step"),
        ({"suspects": ()}, "", ""),
        ({"suspects": (), "cause": "too few"}, "too few", ""),
    ],
)
@pytest.mark.parametrize("status", [Status.FAILED, Status.INCONCLUSIVE, Status.NOT_APPLICABLE, Status.NOT_RUN])
def test_the_cause_is_that_of_the_finding_its_suspect_or_the_record(status, changes, cause, next_step):
    verdict = verdict_of(replace(FAILED, status=status, **changes))
    assert (verdict.cause, verdict.next_step) == (cause, next_step)


def test_what_passed_has_no_cause():
    verdict = verdict_of(replace(FAILED, status=Status.PASSED, cause="a cause", next_step="a step"))
    assert (verdict.cause, verdict.next_step, verdict.fault) == ("", "", None)


def test_a_verdict_does_not_share_its_figures_with_the_finding():
    verdict = verdict_of(FAILED)
    verdict.measured["broken"] = 0
    assert FAILED.measured["broken"] == 3
