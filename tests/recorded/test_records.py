"""Records survive being written, differences are found, and renames hide nothing but the names."""

from __future__ import annotations

import copy
import json

import pytest

from recorded import data
from recorded.compare import Difference, Tolerance, differences, same
from recorded.record import summary
from recorded.renames import Renames


def verdict(**changes):
    return {**data.EMPTY_VERDICT, "n": 400, "measured": {"recall": 0.5}, "threshold": {"chance": 0.25}, **changes}


def record(**changes):
    return {**data.EMPTY, "verdicts": {"first": verdict(), "second[K=5]": verdict()}, **changes}


FAILED = record(
    verdicts={
        "first": verdict(
            status="failed", fault="old-fault", measured={"recall": 0.1, "where": "slot 5"}, evidence=2
        ),
        "second[K=5]": {**data.EMPTY_VERDICT, "status": "not_run"},
    },
    diagnosis={
        "fault": "old-fault",
        "certainty": "seen",
        "explains": ["first"],
        "runner_up": None,
        "alternatives": ["other"],
    },
)
FEWER = record(verdicts={"first": verdict(), "third": verdict(interval={"low": 0.1, "high": 0.9, "level": 0.99})})
RAISED = {**data.EMPTY, "raised": "VacuousMetricError", "verdicts": {}}


def found(*args, **kwargs):
    return [(each.check, each.field) for each in differences(*args, **kwargs)]


@pytest.mark.parametrize("one", [FAILED, FEWER, RAISED, record(errors=["first"]), record()])
def test_what_is_packed_is_unpacked(one):
    lines = data.packed("healthy", record(), None, None) + data.packed("one", one, "healthy", record())
    back = data.unpacked(json.loads(json.dumps(lines)))
    assert {name: back["one"][name] for name in one} == one
    assert back["healthy"] == record()


def test_a_run_that_says_the_same_is_one_line():
    going = record(continue_after_failure=True)
    lines = data.packed("one", going, "healthy", record())
    assert lines == [{"run": "one", "same_as": "healthy", "continue_after_failure": True}]
    back = data.unpacked([*data.packed("healthy", record(), None, None), *lines])
    assert found(going, back["one"]) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "inconclusive"}, "status"),
        ({"fault": "no-signal"}, "fault"),
        ({"n": 399}, "n"),
        ({"p_failed": 0.5}, "p_failed"),
        ({"evidence": 1}, "evidence"),
        ({"measured": {"recall": 0.500002}}, "measured[recall]"),
        ({"measured": {}}, "measured[recall]"),
        ({"measured": {"recall": 0.5, "more": "text"}}, "measured[more]"),
        ({"threshold": {"chance": None}}, "threshold[chance]"),
        ({"interval": {"low": 0.0}}, "interval[low]"),
    ],
)
def test_each_field_of_a_verdict_is_compared(change, field):
    new = record(verdicts={"first": verdict(**change), "second[K=5]": verdict()})
    assert found(record(), new) == [("first", field)]


@pytest.mark.parametrize("field", ["fault", "certainty", "explains", "runner_up", "alternatives"])
def test_each_field_of_a_diagnosis_is_compared(field):
    new = copy.deepcopy(FAILED)
    new["diagnosis"][field] = ["else"] if isinstance(new["diagnosis"][field], list) else "else"
    assert found(FAILED, new) == [("diagnosis", field)]


def test_a_runner_up_that_is_any_of_several():
    def with_runner_up(name):
        return {**FAILED, "diagnosis": {**FAILED["diagnosis"], "runner_up": name}}

    assert found(with_runner_up("a or b"), with_runner_up("b")) == []
    assert found(with_runner_up("a or b"), with_runner_up("c")) == [("diagnosis", "runner_up")]
    assert found(with_runner_up("a or b"), with_runner_up(None)) == [("diagnosis", "runner_up")]
    assert Renames.of({"faults": {"b": "c"}}).record(with_runner_up("a or b"))["diagnosis"]["runner_up"] == "a or c"


def test_a_diagnosis_that_is_gone_an_error_and_an_exception_are_differences():
    assert found(FAILED, {**FAILED, "diagnosis": None}) == [("diagnosis", "fault")]
    assert found(record(), record(errors=["first"])) == [("", "errors")]
    assert ("", "raised") in found(record(), RAISED)
    assert ("first", "status") in found(record(), RAISED)


def test_a_check_that_the_suite_no_longer_has_is_left_out():
    new = record(verdicts={"first": verdict()})
    assert found(record(), new) == [("second[K=5]", "status")]
    assert found(record(), new, removed={"second"}) == []
    assert found(FAILED, record(), removed={"second"}) != []
    rest = record(verdicts={"second[K=5]": FAILED["verdicts"]["second[K=5]"]})
    assert found(FAILED, rest, removed={"first"}) == [], "the diagnosis rested on a check that is gone"


def test_a_check_that_the_suite_did_not_have_is_left_out():
    new = record(verdicts={**record()["verdicts"], "new": verdict(status="failed")})
    assert found(record(), new) == [("new", "status")]
    assert found(record(), new, added={"new"}) == []


def test_tolerances():
    assert same(0.5, 0.5 * (1 + 5e-7))
    assert not same(0.5, 0.5 * (1 + 2e-6))
    assert same(1e-16, 0.0)
    assert same("nan", float("nan"))
    assert not same("inf", "-inf")
    assert not same(1, True), "a yes is no count"
    assert not same(3, 4)
    loose = Tolerance(relative=0.1, absolute=0.05, counts=3, texts=False)
    assert same(3, 6, loose)
    assert not same(3, 7, loose)
    assert same("slot 5", "slot 6", loose)
    assert not same("slot 5", None, loose)


def test_seven_digits_are_within_the_tolerance_and_noise_is_zero():
    for value in (1.00000049999, 2.97345678912e-9, -1234567.89):
        assert same(data.rounded(value), value)
    assert data.rounded({"a": [1e-17, float("inf"), 3, "text", None]}) == {"a": [0.0, "inf", 3, "text", None]}


def test_figures_within_the_tolerance_keep_what_was_written():
    old, new = {"a": 0.5, "gone": 1.0}, {"a": 0.50000001, "b": 2.0}
    assert data.kept_where_same(old, new) == {"a": 0.5, "b": 2.0}
    assert data.kept_where_same({"a": 0.5}, {"a": 0.6}) == {"a": 0.6}
    assert data.kept_where_same(None, new) == new


def test_renames_leave_only_what_has_changed():
    renames = Renames.of(
        {
            "checks": {"first": "premier", "second": "deuxieme"},
            "faults": {"old-fault": "new-fault", "other": "autre"},
            "figures": {"recall": "recall_at_k", "first.where": "place"},
            "words": {"slot": "position"},
        }
    )
    new = record(
        verdicts={
            "premier": verdict(
                status="failed",
                fault="new-fault",
                measured={"recall_at_k": 0.2, "place": "position 5"},
                evidence=2,
            ),
            "deuxieme[K=5]": {**data.EMPTY_VERDICT, "status": "not_run"},
        },
        diagnosis={**FAILED["diagnosis"], "fault": "new-fault", "explains": ["premier"], "alternatives": ["autre"]},
    )
    assert list(differences(renames.record(FAILED), new)) == [
        Difference("premier", "measured[recall_at_k]", 0.1, 0.2)
    ]
    assert list(Renames.of({"runs": {"D1": "D01"}}).records({"D1": record()})) == ["D01"]


def test_a_misspelt_kind_of_rename_is_refused():
    with pytest.raises(ValueError, match="check"):
        Renames.of({"check": {}})


def test_the_summary_counts_and_cuts():
    text = summary({"D1": [Difference("first", "n", 1, 2)] * 3}, 7, shown=2)
    assert "first  n: 1 -> 2" in text
    assert "1 more" in text
    assert "1 of 7 runs" in text
