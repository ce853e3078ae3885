"""The throughput gate: a third less is caught, a busy machine is not accused, unlike machines are not compared."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from rerank_guard import throughput
from rerank_guard.checks.throughput import check_throughput
from rerank_guard.errors import RerankGuardError
from rerank_guard.throughput import FEWEST_REPEATS, Throughput, measure_throughput
from rerank_guard.verdict import Status


def timings(rng, *, pace=1.0, machine=1.0, loop=1.0, matmul=1.0, noise=0.03, repeats=20, users=32):
    """A reranker that takes `pace` seconds, with independent noise in all three columns."""

    def around(value):
        return tuple((value * np.exp(rng.normal(scale=noise, size=repeats))).tolist())

    return Throughput(
        users,
        around(pace * machine),
        around(0.006 * machine * loop),
        around(0.002 * machine * matmul),
        "cpu; a processor, 2 cores",
    )


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.001, 0.03])
def test_a_fall_by_thirty_percent_is_caught(seed, noise):
    rng = np.random.default_rng(seed)
    verdict = check_throughput(timings(rng, pace=1 / 0.7, noise=noise), timings(rng, noise=noise))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "slower"), verdict
    assert verdict.measured["growth_of_time"] == pytest.approx(0.43, abs=0.06)
    assert verdict.p_failed <= 1e-6
    assert verdict.evidence[0].startswith("in seconds: ")
    assert len(verdict.evidence) == 3
    assert verdict.cause
    assert verdict.next_step


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("pace", [0.5, 1.0, 1.1, 1.2])
def test_the_same_pace_and_a_growth_within_the_margin_pass(seed, pace):
    rng = np.random.default_rng(seed)
    verdict = check_throughput(timings(rng, pace=pace), timings(rng))
    assert verdict.status is Status.PASSED, verdict
    assert verdict.fault is None
    assert verdict.evidence == ()
    assert verdict.cause == verdict.next_step == ""


@pytest.mark.parametrize(
    "now",
    [
        {"machine": 3.0},  # all is slower now
        {
            "machine": 1.0,
            "pace": 2.0,
            "matmul": 2.0,
        },  # other processes take the cores that only some of the work needs
        {"machine": 1.0, "pace": 2.0, "loop": 2.0},
    ],
)
@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_a_busy_machine_is_not_accused(now, noise):
    rng = np.random.default_rng(1)
    assert check_throughput(timings(rng, noise=noise, **now), timings(rng, noise=noise)).status is Status.PASSED


@pytest.mark.parametrize("before", [{"machine": 3.0}, {"loop": 3.0}, {"matmul": 3.0}, {"loop": 3.0, "matmul": 3.0}])
def test_a_machine_that_was_busy_when_the_run_was_stored_is_not_accused(before):
    rng = np.random.default_rng(2)
    assert check_throughput(timings(rng), timings(rng, **before)).status is Status.PASSED


def test_a_fall_shows_on_a_machine_that_is_somewhat_slower_as_a_whole():
    rng = np.random.default_rng(3)
    assert check_throughput(timings(rng, pace=1.43, machine=1.3), timings(rng)).fault == "slower"


def test_false_alarms_are_no_more_frequent_than_alpha():
    """At the margin itself, the hardest sound case, with a level that can be counted."""
    rng = np.random.default_rng(4)
    alarms = sum(
        check_throughput(timings(rng, pace=1.2, repeats=10), timings(rng, repeats=10), alpha=0.05).status
        is Status.FAILED
        for _ in range(400)
    )
    assert alarms <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


def test_ties_never_accuse():
    """A coarse clock: all timings alike, and just at the margin."""
    stored = Throughput(1, (1.0,) * 20, (1.0,) * 20, (1.0,) * 20, "cpu")
    at_margin = Throughput(1, (1.0 * (1.0 + 0.2),) * 20, (1.0,) * 20, (1.0,) * 20, "cpu")
    assert check_throughput(stored, stored).status is Status.PASSED
    assert check_throughput(at_margin, stored).status is Status.PASSED
    assert check_throughput(replace(at_margin, seconds=(1.3,) * 20), stored).fault == "slower"


def test_a_few_outliers_hide_nothing():
    rng = np.random.default_rng(5)
    stored, now = timings(rng), timings(rng, pace=1.6)
    stored = replace(stored, seconds=(9.0, *stored.seconds[1:]))
    assert check_throughput(now, stored).fault == "slower"


def test_the_fewest_repeats_can_decide_and_fewer_cannot():
    rng = np.random.default_rng(6)
    many = {"repeats": FEWEST_REPEATS, "noise": 0.001}
    assert check_throughput(timings(rng, pace=2.0, **many), timings(rng, **many)).fault == "slower"
    few = {"repeats": FEWEST_REPEATS - 1, "noise": 0.001}
    verdict = check_throughput(timings(rng, pace=2.0, **few), timings(rng, **few))
    assert verdict.status is Status.NOT_APPLICABLE
    assert "11 timings against 11 stored ones are too few" in verdict.cause


def test_what_cannot_be_compared_is_not():
    rng = np.random.default_rng(7)
    slow, stored = timings(rng, pace=3.0), timings(rng)
    for other, reason in (
        (None, "has no timings"),
        (replace(stored, device="NVIDIA H100; a processor, 2 cores"), "another device: 'NVIDIA H100"),
        (replace(stored, users=64), "64 users a call, now of 32"),
    ):
        verdict = check_throughput(slow, other)
        assert verdict.status is Status.NOT_APPLICABLE
        assert reason in verdict.cause
        assert verdict.measured["users_per_second"] > 0
        assert "--rerank-update-baseline" in verdict.next_step
    with pytest.raises(RerankGuardError, match=r"effect=1\.0"):
        check_throughput(slow, stored, margin=1.0)
    with pytest.raises(RerankGuardError, match="alpha"):
        check_throughput(slow, stored, alpha=0.0)


def test_real_work_measured_twice_passes():
    matrix = np.random.default_rng(0).normal(size=(120, 120))

    def score():
        product = matrix
        for _ in range(20):
            product = np.tanh(matrix @ product)
        return product

    stored, now = (measure_throughput(score, 4, device="cpu") for _ in range(2))
    assert check_throughput(now, stored).status is Status.PASSED


@pytest.mark.parametrize("growth", [1.0, 1.43])
def test_measured_and_compared(monkeypatch, growth):
    """By a clock that only work moves on, with a machine that grows slower and slower all the time."""
    now = [1.0]

    def work(seconds):
        def call(*_):
            now[0] *= 1.0 + 1e-3 * seconds

        return call

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(throughput, "_loop", work(5.0))
    monkeypatch.setattr(throughput, "_matmuls", work(2.0))
    stored = measure_throughput(work(40.0), 4, device="cpu")
    later = measure_throughput(work(40.0 * growth), 4, device="cpu")
    verdict = check_throughput(later, stored)
    assert verdict.fault == (None if growth == 1.0 else "slower"), verdict
    assert verdict.measured["growth_in_loops"] == pytest.approx(growth - 1.0, abs=0.05)
