"""Inputs are made once, at their first use, from the inputs that they name; what a reranker raises is raised again."""

from __future__ import annotations

import traceback

import pytest

from rerank_guard.core.errors import InvalidScoresError, NotOfferedError, UnknownNameError
from rerank_guard.core.given import Cost, Input
from rerank_guard.suite import input_records
from rerank_guard.suite.input_records import RUN_GIVEN
from suite.asked_reranker import Asked, N, resolver


@pytest.fixture
def records(monkeypatch):
    """A function that adds records of inputs to the suite's, for one test."""

    def add(*added):
        found = {**input_records.all_inputs(), **{record.name: record for record in added}}
        monkeypatch.setattr(input_records, "all_inputs", lambda: found)

    yield add
    for cached in (input_records.cost_of, input_records.depends_on_cutoff):
        cached.cache_clear()


def test_nothing_is_asked_before_it_is_needed_and_nothing_twice():
    reranker = Asked()
    inputs = resolver(reranker)
    assert reranker.calls == {}
    first = inputs.get("scores")
    assert inputs.get("scores") is first
    for name in ("tasks", "probed_tasks", "probed_scores", "cutoffs"):
        assert inputs.get(name) is inputs.get(name)
    assert reranker.calls == {"tasks": 1, "score": 1}


def test_what_has_been_made_is_known_without_making_it():
    reranker = Asked()
    inputs = resolver(reranker)
    assert inputs.made("scores") is None
    assert reranker.calls == {}
    scores = inputs.get("scores")
    assert inputs.made("scores") is scores
    assert inputs.made("raw_scores") is not None, "what an input is made from is made too"


def test_an_error_is_remembered_and_raised_again_with_the_traceback_of_the_first_time():
    class Broken(Asked):
        def score(self, tasks):
            self.note("score")
            raise ValueError("out of memory")

    reranker = Broken()
    inputs, caught = resolver(reranker), []
    for name in ("raw_scores", "raw_scores", "raw_scores", "scores", "probed_scores"):
        with pytest.raises(ValueError, match="out of memory") as error:
            inputs.get(name)
        caught.append(error.value)
    assert reranker.calls["score"] == 1
    assert len({id(error) for error in caught}) == 1
    for _ in range(5):
        with pytest.raises(ValueError, match="out of memory") as error:
            inputs.get("raw_scores")
    frames = [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert frames.count("score") == 1
    assert len(frames) < 12, "it does not grow with each check that asks"


def test_values_of_a_wrong_kind_are_an_error_of_their_conversion_alone():
    class Text(Asked):
        def score(self, tasks):
            self.note("score")
            return ["high" for _ in tasks]

    inputs = resolver(Text())
    assert inputs.get("raw_scores")[0] == "high"
    with pytest.raises(InvalidScoresError):
        inputs.get("scores")


def test_an_input_that_is_not_offered_is_none_to_those_who_can_do_without_it():
    inputs = resolver(Asked())
    assert inputs.optional("probabilities") is None
    assert inputs.optional("training_tasks") is None
    assert inputs.optional("tasks") is inputs.get("tasks")


def test_a_method_that_offers_nothing_in_this_configuration_is_none_too_and_other_errors_are_not():
    class Partly(Asked):
        def predict_proba(self, tasks):
            self.note("predict_proba")
            raise NotOfferedError("no softmax here")

        def training_tasks(self):
            raise RuntimeError("no file")

    reranker = Partly()
    inputs = resolver(reranker)
    assert inputs.optional("probabilities") is None
    assert inputs.optional("probabilities") is None
    assert reranker.calls["predict_proba"] == 1
    with pytest.raises(NotOfferedError):
        inputs.get("probabilities")
    with pytest.raises(RuntimeError, match="no file"):
        inputs.optional("training_tasks")


def test_an_input_gets_none_for_what_it_can_do_without(records):
    def counted(tasks, item_popularity=None, probabilities=None):
        return len(tasks), item_popularity, probabilities

    class Popular(Asked):
        def item_popularity(self):
            return {"u0-i0": 3}

    records(Input(counted))
    assert resolver(Asked()).get("counted") == (40, None, None)
    assert resolver(Popular()).get("counted") == (40, {"u0-i0": 3}, None)


def test_inputs_that_depend_on_the_cutoff_are_made_once_a_cutoff(records):
    made = []

    def at_cutoff(k):
        made.append(k)
        return k

    def above(at_cutoff):
        made.append(("above", at_cutoff))
        return at_cutoff

    records(Input(at_cutoff), Input(above))
    inputs = resolver(Asked())
    assert [inputs.get("above", k) for k in (2, 3, 2, 3)] == [2, 3, 2, 3]
    assert made == [2, ("above", 2), 3, ("above", 3)]
    assert inputs.get("scores", 2) is inputs.get("scores", 3) is inputs.get("scores")


def test_the_cutoff_and_the_asking_are_given_and_not_made():
    inputs = resolver(Asked(), cutoffs=(2,))
    assert inputs.get("k", 3) == 3
    assert inputs.get("asking").settings.cutoffs == (2,)
    assert inputs.get("cutoffs") == (2,)


@pytest.mark.parametrize("name", sorted(RUN_GIVEN))
def test_what_a_run_brings_is_given_or_none(name):
    brought = object()
    inputs = resolver(Asked(), {name: brought})
    assert inputs.get(name) is inputs.optional(name) is brought
    assert resolver(Asked()).optional(name) is None


def test_the_job_runs_once_and_before_anything_is_scored():
    trace = object()

    class Trained(Asked):
        def train(self, progress):
            self.note("train")
            return trace

    reranker = Trained()
    inputs = resolver(reranker)
    inputs.get("tasks")
    assert "train" not in reranker.calls
    with pytest.raises(Exception, match="train"):
        inputs.get("scores")  # an object is no trace
    assert reranker.order.count("train") == 1
    assert "score" not in reranker.calls
    assert resolver(Asked()).trained() is None


def test_only_what_scores_waits_for_the_job(records):
    order = []

    def cheap(asking):
        order.append("cheap")
        return asking

    def dependent(cheap):
        order.append("dependent")
        return cheap

    def scored(asking):
        order.append("scored")
        return asking

    records(Input(cheap), Input(dependent), Input(scored, None, Cost.SCORING))
    inputs = resolver(Asked())
    inputs.trained = lambda: order.append("trained")
    for name in ("dependent", "scored", "scored"):
        inputs.get(name)
    assert order == ["cheap", "dependent", "trained", "scored"]


def test_an_unknown_input_is_an_error_that_shows_the_closest():
    with pytest.raises(UnknownNameError, match="probabilities"):
        resolver(Asked()).get("probabilites")


def test_the_tasks_are_a_table_and_its_probed_ones_are_spread_over_all():
    inputs = resolver(Asked())
    assert len(inputs.get("tasks")) == len(inputs.get("given_tasks")) == 40
    assert {task.n_candidates for task in inputs.get("tasks")} == {N}
    rows = inputs.get("probed_rows")
    assert (rows[0], rows[-1]) == (0, 39)
    assert len(inputs.get("probed_scores")) == len(rows) == len(set(rows)) <= 32
