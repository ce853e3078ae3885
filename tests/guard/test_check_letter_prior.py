"""loss_below_letter_prior: a job that learned where targets stand fails, one that learned the items passes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from guard.builders import chance_nll, learned_nll, make_trace
from rerank_guard.checks import check_loss_below_letter_prior, check_loss_below_random
from rerank_guard.errors import InvalidTraceError
from rerank_guard.verdict import Status

N = 20


def job(seed, skew, knowledge, examples=4000):
    """A trace whose model learns the slots' shares at once, and of the items as much as `knowledge`, in logits."""
    rng = np.random.default_rng(seed)
    shares = np.exp(-skew * np.arange(N))
    shares /= shares.sum()
    slots = rng.choice(N, size=examples, p=shares)
    logits = np.log(shares) + rng.normal(scale=0.3, size=(examples, N))
    logits[np.arange(examples), slots] += knowledge
    nll = -log_softmax(logits, axis=1)[np.arange(examples), slots]
    return make_trace(nll, n=N, target_index=slots)


def test_a_job_that_learned_the_slots_alone_is_named_and_passes_the_gate_against_chance():
    trace = job(0, skew=0.2, knowledge=0.0)
    verdict = check_loss_below_letter_prior(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "position-prior")
    assert "slot 0" in verdict.evidence[0]
    assert check_loss_below_random(trace).status is Status.PASSED, "which is why this check is needed"


@pytest.mark.parametrize("skew", [0.0, 0.2])
def test_a_job_that_learned_the_items_passes_whether_slots_are_even_or_not(skew):
    verdict = check_loss_below_letter_prior(job(1, skew, knowledge=1.0))
    assert verdict.status is Status.PASSED
    assert verdict.measured["log10_e_value"] >= 3 == verdict.threshold["log10_e_value"]
    assert verdict.evidence == ()


def test_sound_jobs_with_even_slots_never_fail():
    # 120 seeded jobs from hopeless to good; by construction each fails with probability at most 1e-3: more than 2 of
    # 120 has probability < 3e-4, and the seeds are fixed
    failed = sum(
        check_loss_below_letter_prior(job(seed, 0.0, knowledge, examples=300)).status is Status.FAILED
        for seed in range(40)
        for knowledge in (0.0, 0.4, 1.0)
    )
    assert failed == 0


def test_a_job_that_has_not_left_chance_is_the_other_gates_business():
    rng = np.random.default_rng(2)
    slots = rng.integers(50, size=2000)
    verdict = check_loss_below_letter_prior(make_trace(chance_nll(rng, 2000), target_index=slots))
    assert verdict.status is Status.NOT_APPLICABLE
    assert "not left chance" in verdict.cause


def test_a_job_that_left_chance_but_knows_little_beyond_the_slots_is_open():
    verdict = check_loss_below_letter_prior(job(3, skew=0.05, knowledge=0.1, examples=200))
    assert verdict.status is Status.INCONCLUSIVE
    assert 0 < verdict.measured["log10_e_value"] < 3
    assert "adds up" in verdict.next_step


def test_without_slots_it_does_not_apply_and_says_how_it_would():
    verdict = check_loss_below_letter_prior(make_trace(learned_nll(np.random.default_rng(0), 2000)))
    assert verdict.status is Status.NOT_APPLICABLE
    assert "TraceRecorder.letters" in verdict.next_step


def test_a_slot_outside_the_list_is_an_error():
    trace = make_trace(learned_nll(np.random.default_rng(0), 100), n=5, target_index=np.full(100, 5))
    with pytest.raises(InvalidTraceError, match="target_index 5 of 5 candidates"):
        check_loss_below_letter_prior(trace)
