"""Findings, suspected faults and shares: what they hold, and what they refuse."""

from __future__ import annotations

import pytest

from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Affected, Finding, Limit, Strength, Suspected, not_applicable, suspect
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict


def test_a_limit_belongs_to_a_figure_that_is_measured():
    Finding(Status.PASSED, {"broken": 0}, (Limit("broken", "<=", 0),))
    Finding(Status.FAILED, limits=(Limit("broken", "<=", 0),))  # nothing could be measured
    with pytest.raises(ValueError, match="'broken'"):
        Finding(Status.PASSED, {"broke": 0}, (Limit("broken", "<=", 0),))


@pytest.mark.parametrize("make", [lambda rows: Finding(Status.FAILED, evidence=rows), lambda rows: Verdict("c", Status.FAILED, "", {}, {}, 1, evidence=rows)])  # fmt: skip
def test_more_rows_than_can_be_read_are_refused(make):
    assert len(make(("row",) * MAX_EVIDENCE).evidence) == MAX_EVIDENCE
    with pytest.raises(ValueError, match=str(MAX_EVIDENCE + 1)):
        make(("row",) * (MAX_EVIDENCE + 1))


@pytest.mark.parametrize("fault", all_faults().values(), ids=str)
def test_a_suspicion_has_the_strength_of_its_kind(fault):
    exact, statistical = suspect(fault), suspect(fault, statistical=True)
    if fault.symptom:
        assert (exact.strength, statistical.strength) == (Strength.SYMPTOM, Strength.SYMPTOM)
    else:
        assert (exact.strength, statistical.strength) == (Strength.SEEN, Strength.MEASURED)


def test_strengths_are_ordered_the_strongest_first():
    assert Strength.SEEN < Strength.MEASURED < Strength.SYMPTOM


def test_the_words_are_the_checks_where_it_has_some_and_else_the_records():
    silent, own = suspect(HISTORY_LEAK), Suspected(HISTORY_LEAK, Strength.SEEN, "own cause", "own fix")
    assert (silent.cause_text, silent.fix_text) == (HISTORY_LEAK.what, HISTORY_LEAK.fix)
    assert (own.cause_text, own.fix_text) == ("own cause", "own fix")


def test_a_share_of_nothing_is_none():
    assert Affected(3, 12).share == 0.25
    assert Affected(0, 0).share == 0.0
    assert Affected(2, 4, "letters").unit == "letters"


def test_what_does_not_apply_says_why_and_may_be_not_run():
    finding = not_applicable("no letters", "add letter_table()", measured={"a": 1}, n=3, claim="a claim")
    assert (finding.status, finding.cause, finding.next_step) == (
        Status.NOT_APPLICABLE,
        "no letters",
        "add letter_table()",
    )
    assert (finding.measured, finding.n, finding.claim) == ({"a": 1}, 3, "a claim")
    assert not_applicable("stopped", status=Status.NOT_RUN).status is Status.NOT_RUN


@pytest.mark.parametrize("status", Status)
def test_a_verdict_is_ok_unless_it_failed_or_is_undecided(status):
    verdict = Verdict("c", status, "", {}, {}, 1, suspects=(suspect(HISTORY_LEAK),))
    assert verdict.ok is (status not in (Status.FAILED, Status.INCONCLUSIVE))
    assert verdict.fault == ("history-leak" if status is Status.FAILED else None)


def test_a_failed_verdict_that_suspects_nothing_names_no_fault():
    assert Verdict("c", Status.FAILED, "", {}, {}, 1).fault is None
