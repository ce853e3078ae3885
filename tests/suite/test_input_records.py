"""The records of the inputs: names that exist, what each needs of a reranker, and what has to run before it."""

from __future__ import annotations

import pytest

from guard.small_package import small_package
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.check import CUTOFF
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.given import Cost, method_of
from rerank_guard.core.target import PredictsProba, RerankTarget, Trains
from rerank_guard.suite import input_records
from rerank_guard.suite.input_records import (
    ASKING,
    RUN_GIVEN,
    all_inputs,
    cost_of,
    depends_on_cutoff,
    input_named,
    missing_capabilities,
    needed_from_run,
)
from suite.asked_reranker import Asked

GIVEN = {ASKING, CUTOFF, *RUN_GIVEN}
HEAD = "from rerank_guard.core.given import gives\n\n"
OF_CHECKS = sorted(
    {
        (name, given)
        for name, check in all_checks().items()
        for replaced in ({}, *(variant.inputs for variant in check.variants.values()))
        for given in (replaced.get(parameter, parameter) for parameter in check.inputs)
    }
)


@pytest.fixture
def walked(tmp_path, monkeypatch):
    """From the texts of modules to the records in them."""

    def walk(files):
        monkeypatch.setattr(input_records, "inputs", small_package(tmp_path, monkeypatch, files))
        return input_records.all_inputs.__wrapped__()

    return walk


@pytest.mark.parametrize(("check", "given"), OF_CHECKS, ids=lambda value: value)
def test_every_parameter_of_a_check_is_an_input(check, given):
    assert given in GIVEN or input_named(given).name == given


@pytest.mark.parametrize("name", sorted(all_inputs()))
def test_an_input_costs_at_least_what_it_is_made_from_costs(name):
    record = all_inputs()[name]
    assert cost_of(name) >= record.cost
    for inner in record.inputs:
        assert inner in GIVEN or cost_of(name) >= cost_of(inner)
    assert cost_of(name) in {record.cost, *(cost_of(inner) for inner in record.inputs)}


@pytest.mark.parametrize("name", sorted(all_inputs()))
def test_an_input_depends_on_the_cutoff_where_one_that_it_is_made_from_does(name):
    inner = all_inputs()[name].inputs
    assert depends_on_cutoff(name) is any(depends_on_cutoff(each) for each in inner)
    if CUTOFF in inner:
        assert depends_on_cutoff(name)


@pytest.mark.parametrize("name", sorted(all_inputs()))
def test_an_input_that_calls_a_method_says_which_and_has_words_for_it(name):
    record = all_inputs()[name]
    assert record.make.__doc__
    if record.needs is not None:
        assert record.needs in missing_capabilities((name,), object())
        assert method_of(record.needs).isprintable()


def test_costs_of_what_is_static_trained_and_scored():
    assert cost_of("tasks") is Cost.STATIC
    assert cost_of("smoke_trace") is Cost.ONE_BATCH
    assert cost_of("training_trace") is Cost.TRAINING
    assert cost_of("scores") is Cost.SCORING
    assert all(cost_of(name) is Cost.STATIC for name in GIVEN)
    assert depends_on_cutoff("baselines")
    assert not depends_on_cutoff("scores")
    assert depends_on_cutoff(CUTOFF)
    assert not depends_on_cutoff(ASKING)


def test_what_is_missing_are_the_capabilities_that_required_inputs_need():
    assert missing_capabilities(("scores", "tasks"), Asked()) == ()
    assert missing_capabilities(("scores", "probabilities", "training_trace"), Asked()) == (PredictsProba, Trains)
    assert missing_capabilities(("scores",), object()) == (RerankTarget,)
    assert missing_capabilities(("baselines", *GIVEN), Asked()) == (), "popularity and the like are optional"


def test_what_is_needed_from_the_run_is_found_through_inputs(monkeypatch, walked):
    assert needed_from_run(("scores", "tasks")) == frozenset()
    assert needed_from_run(("reference_run", "scores")) == {"reference_run"}
    found = walked(
        {
            "of_runs.py": f"{HEAD}@gives()\ndef stored(reference_run): ...\n\n"
            "@gives()\ndef compared(stored, reference_throughput=None): ...\n"
        }
    )
    monkeypatch.setattr(input_records, "all_inputs", lambda: found)
    assert needed_from_run(("compared",)) == {"reference_run"}, "what is optional is not needed"


@pytest.mark.parametrize("name", ["", "score", "tasks ", "no_such_input"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(UnknownNameError):
        input_named(name)
    with pytest.raises(UnknownNameError):
        cost_of(name)


def test_the_closest_names_are_shown():
    with pytest.raises(UnknownNameError, match="training_tasks"):
        input_named("traning_tasks")


def test_an_input_made_from_one_that_does_not_exist_is_refused(walked):
    with pytest.raises(UnknownNameError, match=r"'tasks'.*'longer'"):
        walked({"few.py": f"{HEAD}@gives()\ndef longer(tasks): ...\n"})


@pytest.mark.parametrize("name", ["same", *sorted(GIVEN)])
def test_two_inputs_of_one_name_are_refused(walked, name):
    one = f"{HEAD}@gives()\ndef same(): ...\n"
    with pytest.raises(ValueError, match=name):
        walked({"one.py": one, "other.py": one.replace("same", name)})


def test_an_input_that_is_imported_by_another_module_is_found_once(walked):
    found = walked(
        {
            "one.py": f"{HEAD}@gives()\ndef same(): ...\n",
            "other.py": f"from .one import same\n{HEAD}@gives()\ndef more(same): ...\n",
        }
    )
    assert list(found) == ["same", "more"]
