"""TrainingMonitor: decided when both e-processes have passed and the gain has the minimum effect, and not before."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from guard.builders import chance_nll, learned_nll, make_trace
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.verdict import Status
from rerank_guard.recording.monitor import TrainingMonitor, _growth, decided_after, feed
from rerank_guard.recording.recorder import TraceRecorder
from rerank_guard.stats import log_e_path_better

N = 20
NEEDED = math.log(1e3)


def position_job(seed, *, skew, knowledge, examples=3000):
    """A trace whose model knows the positions' shares from the start, and of the items as much as `knowledge`, in logits."""
    rng = np.random.default_rng(seed)
    shares = np.exp(-skew * np.arange(N))
    positions = rng.choice(N, size=examples, p=shares / shares.sum())
    logits = np.log(shares) + rng.normal(scale=0.3, size=(examples, N))
    logits[np.arange(examples), positions] += knowledge
    nll = -log_softmax(logits, axis=1)[np.arange(examples), positions]
    return make_trace(nll, n=N, target_index=positions)


def fed(trace, **settings):
    monitor = TrainingMonitor(**settings)
    feed(monitor, trace)
    return monitor


def test_decided_once_both_e_processes_have_passed():
    trace = position_job(0, skew=0.2, knowledge=0.15)
    monitor = TrainingMonitor()
    chance_passed = prior_passed = None
    for step in range(trace.optimizer_steps):
        rows = np.flatnonzero(trace.example_step == step)
        monitor.batch(
            trace.letter_nll[rows], trace.n_candidates[rows], trace.first_pass[rows], trace.target_index[rows]
        )
        if chance_passed is None and monitor.chance.largest >= NEEDED:
            chance_passed = step + 1
        if prior_passed is None and monitor.prior.largest >= NEEDED:
            prior_passed = step + 1
    assert chance_passed < prior_passed, "the letters' shares are learned first"
    assert monitor.decided_after == prior_passed == decided_after(trace)
    assert monitor.log10_e_value == pytest.approx(monitor.chance.largest / math.log(10))


def test_a_job_that_learned_the_positions_alone_is_never_decided():
    monitor = fed(position_job(0, skew=0.2, knowledge=0.0))
    assert monitor.chance.largest > 10 * NEEDED
    assert not monitor.decided


def test_without_positions_chance_alone_decides():
    trace = make_trace(learned_nll(np.random.default_rng(0), 3000))
    monitor = fed(trace)
    assert monitor.decided
    assert monitor.prior.largest == 0.0
    assert monitor.decided_after < 0.4 * trace.optimizer_steps


def test_jobs_that_learn_nothing_are_not_decided():
    # 10 jobs that know nothing, each decided with probability at most 1e-3; fixed seed
    rng = np.random.default_rng(1)
    for _ in range(10):
        trace = make_trace(chance_nll(rng, 800), steps=80, target_index=rng.integers(50, size=800))
        assert decided_after(trace) is None


def test_a_certain_gain_below_the_minimum_effect_is_not_decided():
    p = 1.02 / N  # 2 % above chance: 0.02 nats, the least that counts is 0.075
    trace = make_trace(np.full(4000, -math.log(p)), n=N, steps=400)
    monitor = fed(trace)
    assert monitor.chance.largest >= NEEDED
    assert not monitor.decided
    assert fed(trace, effect=0.005).decided


def test_a_looser_level_decides_earlier():
    trace = position_job(2, skew=0.0, knowledge=0.5)
    assert decided_after(trace, alpha=0.05) < decided_after(trace, alpha=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_nll_that_is_no_number_is_not_bet_on_and_nothing_is_decided_after_it(bad):
    trace = position_job(3, skew=0.0, knowledge=1.5)
    assert decided_after(trace) is not None
    trace.letter_nll[0] = bad
    monitor = fed(trace)
    assert not monitor.decided, "the job fails with silent-nan, so its verdict is not in"
    assert math.isfinite(monitor.chance.log_e)
    assert math.isfinite(monitor.prior.log_e)
    verdict = loss_below_random(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-nan")


def test_repeated_examples_decide_nothing():
    trace = position_job(4, skew=0.0, knowledge=1.5)
    repeated = make_trace(
        trace.letter_nll, n=N, target_index=trace.target_index, first_pass=np.zeros(len(trace.letter_nll), bool)
    )
    assert decided_after(repeated) is None


def test_tempered_losses_give_an_over_confident_model_its_due():
    rng = np.random.default_rng(5)
    positions = rng.integers(N, size=2000)
    logits = rng.normal(scale=1.0, size=(2000, N))
    logits[np.arange(2000), positions] += 1.0
    own, tempered = (
        -log_softmax(scale * logits, axis=1)[np.arange(2000), positions] for scale in (4.0, 1.0)
    )  # the model states its logits four times as large as they deserve
    n, first = np.full(2000, N), np.ones(2000, bool)
    plain, given = TrainingMonitor(), TrainingMonitor()
    for rows in np.split(np.arange(2000), 100):
        plain.batch(own[rows], n[rows], first[rows], positions[rows])
        given.batch(own[rows], n[rows], first[rows], positions[rows], np.column_stack([own, tempered])[rows])
    assert given.chance.largest > plain.chance.largest + NEEDED


@pytest.mark.parametrize("knowledge", [0.3, 0.6, 1.2])
def test_the_checks_pass_at_the_moment_of_decision(knowledge):
    """Cut where the monitor says so, the job's verdicts are in. Seeds are fixed."""
    for seed in range(2):
        trace = position_job(seed, skew=0.0, knowledge=knowledge)
        after = decided_after(trace)
        assert after is not None
        kept = trace.example_step < after
        cut = make_trace(
            trace.letter_nll[kept],
            n=N,
            steps=after,
            planned=trace.planned_steps,
            target_index=trace.target_index[kept],
        )
        cut.example_step[:] = trace.example_step[kept]
        assert loss_below_random(cut).status is Status.PASSED
        assert loss_below_letter_prior(cut).status is Status.PASSED


def ranked_job(lift, seed=0, examples=6400, n=20):
    """A recorded job whose target letters are `lift` above the noise, in steps of 16."""
    rng = np.random.default_rng(seed)
    recorder = TraceRecorder(planned_steps=examples // 16, trainable_parameters=1)
    for step in range(examples // 16):
        positions = rng.integers(n, size=16)
        logits = rng.normal(size=(16, n))
        logits[np.arange(16), positions] += lift
        recorder.letters(logits, positions, n, range(16 * step, 16 * step + 16))
        recorder.step(1e-3)
    return recorder.finish()


@pytest.mark.parametrize("lift", [0.7, 1.2])
def test_a_job_goes_on_until_the_held_out_users_can_be_expected_to_decide(lift):
    """What it ends at does pass recall_beats_baseline, on that many users and against a random ranking."""
    trace = ranked_job(lift)
    learned = fed(trace).decided_after
    assert learned is not None
    few, many = (fed(trace, cutoffs=(5,), n_users=users).decided_after for users in (40, 4000))
    assert few is None, "40 users would not decide, so the whole budget is used"
    assert many is not None
    assert many >= learned


def test_jobs_that_ended_do_pass_as_expected():
    # rerankers just good enough to end a job for 500 users, judged on 500 others, beside a random order: the rule asks
    # for twice the evidence, so nearly all pass; 200 seeded replays, at least 170
    rng = np.random.default_rng(4)
    passed = 0
    rate = next(r for r in np.linspace(0.26, 0.6, 200) if 500 * _growth(r, 0.25) >= 2 * NEEDED)
    for _ in range(200):
        ours, theirs = (rng.random(500) < rate).astype(float), (rng.random(500) < 0.25).astype(float)
        passed += log_e_path_better(ours, theirs)[-1] >= NEEDED
    assert passed >= 170


def test_without_ranks_a_job_that_waits_for_the_ranking_runs_to_its_budget():
    trace = replace(ranked_job(1.2), target_rank=None)
    assert fed(trace, cutoffs=(5,), n_users=4000).decided_after is None
    assert fed(trace).decided_after is not None


def test_it_looks_every_few_steps_and_at_the_end():
    trace = ranked_job(1.2, examples=16 * 12)
    monitor = TrainingMonitor()
    for step in range(4):
        rows = trace.example_step == step
        monitor.batch(trace.letter_nll[rows], trace.n_candidates[rows], trace.first_pass[rows])
    assert monitor.chance.log_e == 0.0
    monitor.look()
    assert monitor.chance.log_e > 0.0
