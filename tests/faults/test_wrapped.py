"""A wrapper has its reranker's capabilities, no more and no fewer, and one training job serves any number of wrappers."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
from small_rerankers import Minimal

from rerank_guard.core import target as protocols
from rerank_guard.faults import TrainedOnce, Wrapped, all_equivalents, all_injectors
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.wrapped import lacks, methods_of

CAPABILITIES = [
    getattr(protocols, name)
    for name in protocols.__all__
    if name != "Progress" and getattr(getattr(protocols, name), "_is_protocol", False)
]


def capabilities(target) -> set[str]:
    return {capability.__name__ for capability in CAPABILITIES if isinstance(target, capability)}


def static_capabilities(target) -> set[str]:
    """As Python 3.12 finds them: by what is there without `__getattr__`."""
    missing = object()
    return {
        capability.__name__
        for capability in CAPABILITIES
        if all(inspect.getattr_static(target, name, missing) is not missing for name in methods_of(capability))
    }


@pytest.mark.parametrize("made", [make_healthy, Minimal])
@pytest.mark.parametrize("wrap", [Wrapped, TrainedOnce])
def test_it_has_the_capabilities_of_its_reranker(made, wrap):
    target = made()
    wrapped = wrap(target)
    assert capabilities(wrapped) == static_capabilities(wrapped) == capabilities(target)


def test_the_healthy_reranker_has_every_capability():
    assert capabilities(make_healthy()) == {capability.__name__ for capability in CAPABILITIES}


def test_a_replaced_method_is_used_and_a_new_one_adds_its_capability():
    wrapped = Wrapped(Minimal(), name="other", item_popularity=lambda: {"a": 1})
    assert wrapped.name == "other"
    assert isinstance(wrapped, protocols.KnowsPopularity)
    assert not isinstance(Minimal(), protocols.KnowsPopularity)


def test_what_is_no_part_of_a_protocol_is_passed_on():
    target = Minimal()
    target.colour = "red"
    assert Wrapped(Wrapped(target)).colour == "red"
    with pytest.raises(AttributeError):
        _ = Wrapped(target).shape


def test_a_wrapper_is_never_copied_deeply():
    wrapped = Wrapped(Minimal())
    assert copy.deepcopy({"target": wrapped})["target"] is wrapped


class Counting(Minimal):
    def __init__(self) -> None:
        super().__init__()
        self.jobs = 0

    def train(self, progress):
        self.jobs += 1
        return "trace"


class CountingMonitored(Counting):
    def train(self, progress, monitor=None):
        self.monitor = monitor
        return super().train(progress)


@pytest.mark.parametrize("made", [Counting, CountingMonitored])
def test_one_job_serves_all_wrappers(made):
    target = made()
    base = TrainedOnce(target)
    first, second = Wrapped(base), Wrapped(Wrapped(base), name="other")
    assert target.jobs == 0
    assert [first.train(None), second.train(None), base.train(None)] == ["trace"] * 3
    assert target.jobs == 1
    takes = set(inspect.signature(first.train).parameters)
    assert takes == set(inspect.signature(target.train).parameters), "a run looks for `monitor` by name"


def test_a_monitor_reaches_the_job():
    target = CountingMonitored()
    TrainedOnce(target).train(None, monitor="the monitor")
    assert target.monitor == "the monitor"


def test_what_is_missing_is_named():
    needs = (protocols.ShowsTrainingPrompts, protocols.RerankTarget, protocols.Trains)
    assert lacks(Minimal(), needs) == ("training_prompts", "train")


@pytest.fixture(scope="module")
def healthy():
    return make_healthy()


@pytest.mark.parametrize("injector", all_injectors(), ids=lambda injector: injector.id)
def test_breaking_does_not_change_the_reranker(injector, healthy):
    before = dict(vars(healthy))
    broken = injector.broken(healthy)
    after = dict(vars(healthy))
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)
    assert broken is not healthy


@pytest.mark.parametrize("made", [make_healthy, Minimal])
def test_no_injector_and_no_equivalent_takes_a_capability_away(made):
    target = made()
    allowed = {"DeclaresCutoffs"}  # M1 declares one
    for injector in all_injectors():
        if injector.applies_to(target) and injector.id != "D4":  # the minimal reranker's users have no history
            broken = capabilities(injector.broken(target))
            assert broken - allowed == capabilities(target) - allowed, injector.id
    for equivalent in all_equivalents():
        assert capabilities(equivalent.apply(target, np.random.default_rng(0))) == capabilities(target)
