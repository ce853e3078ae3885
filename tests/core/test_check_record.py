"""A check is one record: called it gives a verdict under its own name, and a record that contradicts itself is refused."""

from __future__ import annotations

import inspect

import pytest

from rerank_guard.core.check import Check, Variant, check
from rerank_guard.core.errors import SettingError
from rerank_guard.core.faults.data import HISTORY_LEAK, SPLIT_OVERLAP
from rerank_guard.core.finding import Finding, suspect
from rerank_guard.core.setting import Count, Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Status


@check(stage=Stage.DATA, claim="numbers are small", can_name=(HISTORY_LEAK,))
def numbers_small(numbers, others=None, *, most: Count = 3, alpha: Level = 0.01):
    """Documented."""
    largest = max([*numbers, *(others or ())])
    passed = largest <= most
    return Finding(
        Status.PASSED if passed else Status.FAILED,
        {"largest": largest, "alpha": alpha},
        suspects=() if passed else (suspect(HISTORY_LEAK),),
    )


@check(stage=Stage.QUALITY, claim="k is small", per="cutoff", early=True, preview=True)
def small_at(scores, k):
    return Finding(Status.PASSED, {"k": k, "scores": scores})


def test_a_check_called_gives_a_verdict_under_its_own_name():
    verdict = numbers_small([1, 2])
    assert (verdict.check, verdict.status, verdict.claim) == ("numbers_small", Status.PASSED, "numbers are small")
    failed = numbers_small([1], [9], most=5, alpha=0.4)
    assert (failed.fault, failed.measured) == ("history-leak", {"largest": 9, "alpha": 0.4})
    assert (failed.cause, failed.next_step) == (HISTORY_LEAK.what, HISTORY_LEAK.fix)


def test_the_cutoff_is_in_the_name_however_it_is_given():
    for verdict in (small_at(0.5, 20), small_at(0.5, k=20), small_at(k=20, scores=0.5)):
        assert verdict.check == "small_at[K=20]"
    assert small_at.name_at(None) == "small_at"
    assert small_at.name_at(5, "other") == "other[K=5]"


def test_measure_gives_the_finding_and_the_function_is_documented():
    assert isinstance(numbers_small, Check)
    assert isinstance(numbers_small.measure([1]), Finding)
    assert numbers_small.__doc__ == "Documented."
    assert numbers_small.name == "numbers_small"


def test_positional_parameters_are_inputs_and_keywords_are_settings_with_their_defaults():
    assert list(numbers_small.inputs) == ["numbers", "others"]
    assert numbers_small.inputs["numbers"].default is inspect.Parameter.empty
    assert numbers_small.inputs["others"].default is None
    defaults = {name: setting.default for name, setting in numbers_small.settings.items()}
    assert defaults == {"most": 3, "alpha": 0.01}
    assert [name for name, setting in numbers_small.settings.items() if setting.is_level] == ["alpha"]
    assert (small_at.early, small_at.preview, small_at.per) == (True, True, "cutoff")


@pytest.mark.parametrize(
    "call", [lambda: numbers_small(), lambda: numbers_small([1], least=2), lambda: small_at(1, 2, 3)]
)
def test_a_wrong_call_is_that_of_the_function(call):
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("given", [{"most": -1}, {"most": 1.5}, {"alpha": 0.5}, {"alpha": "0.1"}])
def test_a_setting_outside_of_its_bounds_is_refused_in_a_call(given):
    with pytest.raises(SettingError, match=next(iter(given))):
        numbers_small([1], **given)


def test_settings_are_validated_together():
    assert numbers_small.validated({"most": 2.0}) == {"most": 2}
    with pytest.raises(SettingError, match=r"numbers_small has no setting 'mast'; it has most"):
        numbers_small.validated({"mast": 2})


def made(parameters, **record):
    """A check whose function has these parameters."""
    scope = {"Level": Level, "Count": Count}
    exec(f"def made({parameters}): ...", scope)
    return check(stage=Stage.DATA, claim="a claim", **record)(scope["made"])


@pytest.mark.parametrize(
    ("parameters", "record", "shown"),
    [
        ("tasks", {"per": "cutoff"}, "cutoff"),
        ("tasks, k", {}, "cutoff"),
        ("tasks, *, k: Count = 5", {"per": "cutoff"}, "cutoff"),
        ("tasks", {"variants": {"other": Variant({"task": "training_tasks"}, "x")}}, "'task'"),
        ("tasks, *, most: Count = 1", {"variants": {"other": Variant({"most": "training_tasks"}, "x")}}, "'most'"),
        ("tasks, *, most=1", {}, "bounds"),
        ("tasks", {"rules_out": ("history-leak",)}, "history-leak"),
        ("tasks", {"can_name": ("history-leak",)}, "history-leak"),
        ("tasks", {"looks_like": "history-leak"}, "history-leak"),
    ],
)
def test_a_record_that_contradicts_its_function_is_refused(parameters, record, shown):
    with pytest.raises(TypeError, match=shown):
        made(parameters, **record)


def test_a_record_that_fits_its_function_is_not():
    record = made(
        "tasks, k, others=None, *, alpha: Level = 0.1",
        per="cutoff",
        can_name=(HISTORY_LEAK,),
        rules_out=(HISTORY_LEAK, SPLIT_OVERLAP),
        looks_like=SPLIT_OVERLAP,
        variants={"other": Variant({"tasks": "training_tasks"}, "x")},
    )
    assert record.variants["other"].inputs == {"tasks": "training_tasks"}
    assert record.rules_out == (HISTORY_LEAK, SPLIT_OVERLAP)
