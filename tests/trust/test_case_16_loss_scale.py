"""Case 16: losses that are divided by, or multiplied with, the accumulation steps are told by the first batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, learned_nll, make_trace
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.checks.training.loss_recorded_per_letter import loss_recorded_per_letter
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.suite import RunSettings, check_reranker

FACTORS = [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 2, 4, 8, 16, 64]


def batches(losses, n, examples=16):
    return make_trace(losses, n=n, steps=len(losses) // examples)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("job", ["noise", "learned"])
def test_a_scaled_loss_is_named_and_decides_nothing(factor, n, job):
    rng = np.random.default_rng(n)
    losses = chance_nll(rng, 1600, n)
    if job == "learned":
        losses *= np.linspace(1.0, 0.4, 1600)
    trace = batches(factor * losses, n)
    verdict = loss_recorded_per_letter(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "loss-scale-wrong")
    assert loss_below_random(trace).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("factor", [1 / 4, 4])
def test_the_diagnosis_has_that_name(factor):
    trained = TrainedOnce(make_healthy(0))
    trace = trained.train(lambda *_: None)
    scaled = replace(trace, letter_nll=factor * trace.letter_nll, target_rank=None, tempered_nll=None)
    report = check_reranker(Wrapped(trained, train=lambda progress: scaled), RunSettings(seed=0))
    assert report.diagnosis.fault == "loss-scale-wrong"


def logits_nll(rng, examples, n, spread, known):
    """NLL of logits with noise of a spread, and `known` added at the target."""
    logits = spread * rng.normal(size=(examples, n))
    logits[:, 0] += known
    return np.log(np.exp(logits).sum(axis=1)) - logits[:, 0]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n", [4, 10, 20, 50])
@pytest.mark.parametrize(
    ("spread", "known"), [(0.01, 0.0), (0.3, 0.0), (1.0, 0.0), (2.5, 0.0), (1.0, 2.0), (2.0, 3.0)]
)
def test_a_base_of_any_confidence_and_knowledge_passes(seed, n, spread, known):
    trace = batches(logits_nll(np.random.default_rng(seed), 320, n, spread, known), n)
    assert loss_recorded_per_letter(trace).status is Status.PASSED


def test_a_job_that_learns_passes():
    trace = batches(learned_nll(np.random.default_rng(0), 3200), 50)
    assert loss_recorded_per_letter(trace).status is Status.PASSED
    assert loss_below_random(trace).status is Status.PASSED
