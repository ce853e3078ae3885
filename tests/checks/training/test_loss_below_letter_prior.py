"""loss_below_letter_prior: a job that learned at which positions targets are fails, one that learned the items passes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from guard.builders import chance_nll, learned_nll, make_trace
from guard.limits import missed
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.errors import InvalidTraceError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status

N = 20


def job(seed, skew, knowledge, examples=4000):
    """A trace whose model learns the positions' shares at once, and of the items as much as `knowledge`, in logits."""
    rng = np.random.default_rng(seed)
    shares = np.exp(-skew * np.arange(N))
    shares /= shares.sum()
    positions = rng.choice(N, size=examples, p=shares)
    logits = np.log(shares) + rng.normal(scale=0.3, size=(examples, N))
    logits[np.arange(examples), positions] += knowledge
    nll = -log_softmax(logits, axis=1)[np.arange(examples), positions]
    return make_trace(nll, n=N, target_index=positions)


def test_a_job_that_learned_the_positions_alone_is_named_and_passes_the_check_against_chance():
    trace = job(0, skew=0.2, knowledge=0.0)
    verdict = loss_below_letter_prior(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "position-prior")
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.p_failed <= 1e-3
    assert verdict.measured["letter_nll"] >= verdict.threshold["letter_prior_nll"]
    assert verdict.threshold["chance_letter_nll"] == pytest.approx(math.log(N))
    assert verdict.n == 2000
    assert missed(verdict) == {"log10_e_value"}
    assert "position 0" in verdict.evidence[0]
    assert loss_below_random(trace).status is Status.PASSED, "which is why this check is needed"


@pytest.mark.parametrize(("skew", "examples"), [(0.2, 4000), (0.6, 1000)])  # the latter leaves some positions out
def test_the_prior_is_the_entropy_of_the_positions_with_the_correction_for_having_been_fitted(skew, examples):
    trace = job(0, skew, knowledge=0.0, examples=examples)
    late = trace.target_index[examples // 2 :]
    shares = np.unique(late, return_counts=True)[1] / len(late)
    prior = -(shares * np.log(shares)).sum() + (N - 1) / (2 * len(late))
    assert loss_below_letter_prior(trace).threshold["letter_prior_nll"] == pytest.approx(prior)


def test_uneven_positions_alone_do_not_fail_a_job_that_is_better_than_their_entropy():
    verdict = loss_below_letter_prior(job(1, skew=0.2, knowledge=0.1, examples=300))
    assert verdict.p_failed < 1e-3
    assert verdict.measured["letter_nll"] < verdict.threshold["letter_prior_nll"]
    assert verdict.status is Status.INCONCLUSIVE


@pytest.mark.parametrize("skew", [0.0, 0.2])
def test_a_job_that_learned_the_items_passes_whether_positions_are_even_or_not(skew):
    verdict = loss_below_letter_prior(job(1, skew, knowledge=1.0))
    assert verdict.status is Status.PASSED
    assert verdict.measured["log10_e_value"] >= 3 == verdict.threshold["log10_e_value"]
    assert (verdict.evidence, verdict.suspects, verdict.cause) == ((), (), "")
    assert missed(verdict) == set()


@pytest.mark.parametrize("knowledge", [0.0, 0.4, 1.0])
def test_jobs_with_even_positions_do_not_fail(knowledge):
    verdict = loss_below_letter_prior(job(0, 0.0, knowledge, examples=300))
    assert verdict.status is not Status.FAILED


def test_a_job_that_has_not_left_chance_is_the_other_checks_business():
    rng = np.random.default_rng(2)
    trace = make_trace(chance_nll(rng, 2000), target_index=rng.integers(50, size=2000))
    verdict = loss_below_letter_prior(trace)
    assert verdict.status is Status.NOT_APPLICABLE
    assert "loss_below_random" in verdict.next_step


def test_a_job_that_left_chance_but_knows_little_beyond_the_positions_is_open():
    verdict = loss_below_letter_prior(job(3, skew=0.05, knowledge=0.1, examples=200))
    assert verdict.status is Status.INCONCLUSIVE
    assert 0 < verdict.measured["log10_e_value"] < 3
    assert verdict.suspects == ()
    assert verdict.cause
    assert verdict.next_step
    assert missed(verdict) == {"log10_e_value"}


def test_a_stricter_level_leaves_it_open():
    trace = job(3, skew=0.05, knowledge=0.1, examples=200)
    needed = 10.0 ** -loss_below_letter_prior(trace).measured["log10_e_value"]
    assert loss_below_letter_prior(trace, alpha=1.01 * needed).status is Status.PASSED
    assert loss_below_letter_prior(trace, alpha=0.99 * needed).status is Status.INCONCLUSIVE
    with pytest.raises(RerankGuardError, match="alpha=0"):
        loss_below_letter_prior(trace, alpha=0.0)


def test_without_positions_it_does_not_apply_and_says_how_it_would():
    trace = make_trace(learned_nll(np.random.default_rng(0), 2000))
    for unrecorded in (trace, make_trace(np.zeros(0), target_index=np.zeros(0, dtype=np.int64))):
        verdict = loss_below_letter_prior(unrecorded)
        assert verdict.status is Status.NOT_APPLICABLE
        assert "TraceRecorder.letters" in verdict.next_step


def test_where_the_first_n_does_not_come_late_no_figure_is_given():
    trace = job(1, 0.0, knowledge=1.0, examples=400)
    other = replace(trace, n_candidates=np.r_[np.full(1, N + 1), np.full(399, N)])
    verdict = loss_below_letter_prior(other)
    assert verdict.n == 0
    assert verdict.measured["letter_nll"] is None
    assert verdict.threshold["chance_letter_nll"] == pytest.approx(math.log(N + 1))


@pytest.mark.parametrize("position", [5, -1])
def test_a_position_outside_the_list_is_an_error(position):
    positions = np.where(np.arange(100) < 7, 0, position)
    trace = make_trace(learned_nll(np.random.default_rng(0), 100), n=5, target_index=positions)
    with pytest.raises(InvalidTraceError, match=f"example 7 .* target_index {position} of 5 candidates"):
        loss_below_letter_prior(trace)
