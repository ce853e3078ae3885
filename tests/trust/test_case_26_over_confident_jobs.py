"""Case 26: a job that knows the targets and is too confident is not failed as one that learned nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.verdict import Status
from rerank_guard.stats.letters import mean_rank, tempered_nll


def job(seed, *, n=20, examples=240, scale=2.0, known=True, spread=1.5, noise=0.5, logits=True, first=0.0):
    """Targets drawn by softmax(l), l ~ N(0, spread); letter logits scale * (l + N(0, noise)), or of another l."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, spread, (examples, n))
    shown = truth + first * (np.arange(n) == 0)
    target = (shown - np.log(-np.log(rng.random((examples, n))))).argmax(axis=1)
    if not known:
        truth = rng.normal(0.0, spread, (examples, n))
    letters, lengths = scale * (truth + rng.normal(0.0, noise, (examples, n))), np.full(examples, n)
    nll = tempered_nll(letters, target, lengths)
    trace = make_trace(nll[:, 0], n=n, steps=examples // 4)
    if not logits:
        return trace
    return replace(trace, target_index=target, tempered_nll=nll, target_rank=mean_rank(letters, target, lengths))


@pytest.mark.parametrize("logits", [True, False])
def test_the_case(logits):
    """16 % failed."""
    found = Counter(loss_below_random(job(seed, logits=logits)).status for seed in range(60))
    assert found[Status.FAILED] == 0
    assert found[Status.PASSED] >= 25


@pytest.mark.parametrize("n", [5, 20, 50])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1.5, 3.0, 4.0, 8.0])
@pytest.mark.parametrize("examples", [60, 240, 2000])
def test_no_confidence_fails_a_job_that_knows_the_targets(n, scale, examples):
    for seed in range(4):
        verdict = loss_below_random(job(seed, n=n, scale=scale, examples=examples))
        assert verdict.status is not Status.FAILED
        assert not verdict.suspects or scale < 1.0


@pytest.mark.parametrize("examples", [800, 3000])
def test_confidence_that_grows_over_the_job_is_not_a_collapse(examples):
    for seed in range(4):
        trace = job(seed, examples=examples, scale=1.0)
        later = job(seed + 50, examples=examples, scale=4.0)
        half = np.arange(examples) < examples // 2
        both = replace(
            trace,
            letter_nll=np.where(half, trace.letter_nll, later.letter_nll),
            tempered_nll=np.where(half[:, None], trace.tempered_nll, later.tempered_nll),
            target_rank=np.where(half, trace.target_rank, later.target_rank),
        )
        assert loss_below_random(both).status is not Status.FAILED


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("n", [5, 20, 50])
def test_noise_still_fails(scale, n):
    for seed in range(3):
        verdict = loss_below_random(job(seed, n=n, scale=scale, examples=2000, known=False))
        assert (verdict.status, verdict.fault) == (Status.FAILED, "no-signal")


@pytest.mark.parametrize("scale", [-0.3, -1.0, -3.0])
@pytest.mark.parametrize("examples", [240, 2000])
def test_a_loss_of_the_wrong_sign_still_fails(scale, examples):
    for seed in range(3):
        verdict = loss_below_random(job(seed, scale=scale, examples=examples))
        assert (verdict.status, verdict.fault) == (Status.FAILED, "anti-learning")


@pytest.mark.parametrize("lost", [0.3, 0.5])
def test_what_was_learned_and_lost_again_fails(lost):
    learned, lost_again = job(0, examples=2000, scale=1.0), job(1, examples=2000, scale=4.0, known=False)
    early = np.arange(2000) < (1.0 - lost) * 2000
    trace = replace(
        learned,
        letter_nll=np.where(early, learned.letter_nll, lost_again.letter_nll),
        tempered_nll=np.where(early[:, None], learned.tempered_nll, lost_again.tempered_nll),
        target_rank=np.where(early, learned.target_rank, lost_again.target_rank),
    )
    assert loss_below_random(trace).status is Status.FAILED


def test_a_loss_that_runs_away_fails_whatever_is_still_known():
    start, away = job(0, examples=2000, scale=0.01), job(0, examples=2000, scale=12.0)
    early = np.arange(2000) < 100
    trace = replace(
        start,
        letter_nll=np.where(early, start.letter_nll, away.letter_nll),
        tempered_nll=np.where(early[:, None], start.tempered_nll, away.tempered_nll),
        target_rank=np.where(early, start.target_rank, away.target_rank),
    )
    verdict = loss_below_random(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")


@pytest.mark.parametrize("examples", [60, 240, 2000])
@pytest.mark.parametrize("scale", [1.0, 2.0, 4.0])
def test_targets_at_uneven_positions_do_not_fail_a_job_that_knows_the_items(examples, scale):
    for seed in range(4):
        trace = job(seed, examples=examples, scale=scale, first=2.5)
        assert loss_below_letter_prior(trace).status is not Status.FAILED
