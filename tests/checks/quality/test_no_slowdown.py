"""no_slowdown: a third less is caught, a busy machine is not blamed on the reranker, unlike machines are not compared."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.quality.no_slowdown import no_slowdown
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.verdict import Status
from rerank_guard.recording import throughput
from rerank_guard.recording.throughput import FEWEST_REPEATS, measure_throughput


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


@pytest.mark.parametrize("noise", [0.001, 0.03])
def test_a_fall_by_thirty_percent_is_caught(noise):
    rng = np.random.default_rng(0)
    verdict = no_slowdown(timings(rng, pace=1 / 0.7, noise=noise), timings(rng, noise=noise))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "slower"), verdict
    assert verdict.measured["growth_of_time"] == pytest.approx(0.43, abs=0.06)
    assert verdict.p_failed <= 1e-6
    assert len(verdict.evidence) == 3
    assert verdict.suspects[0].strength is Strength.MEASURED
    assert verdict.cause
    assert verdict.next_step
    assert {"growth_in_seconds", "growth_in_loops", "growth_in_matrix_products"} < set(verdict.measured)
    assert verdict.threshold == {"margin": 0.2, "alpha": 1e-6}


@pytest.mark.parametrize("pace", [0.5, 1.0, 1.2])
def test_the_same_pace_and_a_growth_within_the_margin_pass(pace):
    rng = np.random.default_rng(0)
    verdict = no_slowdown(timings(rng, pace=pace), timings(rng))
    assert verdict.status is Status.PASSED, verdict
    assert verdict.fault is None
    assert verdict.evidence == ()
    assert verdict.cause == verdict.next_step == ""


@pytest.mark.parametrize(
    "now",
    [
        {"machine": 3.0},  # all is slower now
        {"pace": 2.0, "matmul": 2.0},  # other processes take the cores that only some of the work needs
        {"pace": 2.0, "loop": 2.0},
    ],
)
def test_a_busy_machine_is_no_slowdown(now):
    rng = np.random.default_rng(1)
    assert no_slowdown(timings(rng, noise=0.1, **now), timings(rng, noise=0.1)).status is Status.PASSED


@pytest.mark.parametrize("before", [{"machine": 3.0}, {"loop": 3.0}, {"matmul": 3.0}, {"loop": 3.0, "matmul": 3.0}])
def test_a_machine_that_was_busy_when_the_reference_was_stored_is_no_slowdown(before):
    rng = np.random.default_rng(2)
    assert no_slowdown(timings(rng), timings(rng, **before)).status is Status.PASSED


def test_a_fall_shows_on_a_machine_that_is_somewhat_slower_as_a_whole():
    rng = np.random.default_rng(3)
    assert no_slowdown(timings(rng, pace=1.43, machine=1.3), timings(rng)).fault == "slower"


def test_ties_are_no_slowdown():
    """A coarse clock: all timings alike, and just at the margin."""
    stored = Throughput(1, (1.0,) * 20, (1.0,) * 20, (1.0,) * 20, "cpu")
    at_margin = Throughput(1, (1.0 * (1.0 + 0.2),) * 20, (1.0,) * 20, (1.0,) * 20, "cpu")
    assert no_slowdown(stored, stored).status is Status.PASSED
    assert no_slowdown(at_margin, stored).status is Status.PASSED
    assert no_slowdown(replace(at_margin, seconds=(1.3,) * 20), stored).fault == "slower"


def test_a_few_outliers_hide_nothing():
    rng = np.random.default_rng(5)
    stored, now = timings(rng), timings(rng, pace=1.6)
    stored = replace(stored, seconds=(9.0, *stored.seconds[1:]))
    assert no_slowdown(now, stored).fault == "slower"


def test_the_fewest_repeats_can_decide_and_fewer_cannot():
    rng = np.random.default_rng(6)
    many = {"repeats": FEWEST_REPEATS, "noise": 0.001}
    assert no_slowdown(timings(rng, pace=2.0, **many), timings(rng, **many)).fault == "slower"
    few = {"repeats": FEWEST_REPEATS - 1, "noise": 0.001}
    verdict = no_slowdown(timings(rng, pace=2.0, **few), timings(rng, **few))
    assert verdict.status is Status.NOT_APPLICABLE
    assert no_slowdown(timings(rng, pace=2.0, **few), timings(rng, **few), alpha=1e-4).fault == "slower"


def test_what_cannot_be_compared_is_not():
    rng = np.random.default_rng(7)
    slow, stored = timings(rng, pace=3.0), timings(rng)
    for other, named in (
        (replace(stored, device="NVIDIA H100; a processor, 2 cores"), "NVIDIA H100"),
        (replace(stored, users=64), "64"),
    ):
        verdict = no_slowdown(slow, other)
        assert (verdict.status, verdict.fault) == (Status.NOT_APPLICABLE, None)
        assert named in verdict.cause
        assert verdict.measured["users_per_second"] > 0
        assert verdict.next_step
    with pytest.raises(RerankGuardError, match=r"margin=1\.0"):
        no_slowdown(slow, stored, margin=1.0)
    with pytest.raises(RerankGuardError, match="alpha"):
        no_slowdown(slow, stored, alpha=0.0)


def test_the_margin_is_a_setting():
    rng = np.random.default_rng(8)
    now, stored = timings(rng, pace=1.43), timings(rng)
    assert no_slowdown(now, stored, margin=0.2).status is Status.FAILED
    assert no_slowdown(now, stored, margin=0.5).status is Status.PASSED


def test_real_work_measured_twice_passes(monkeypatch):
    monkeypatch.setattr(throughput, "_LOOP", 5_000)
    monkeypatch.setattr(throughput, "_TRIES", 1)
    matrix = np.random.default_rng(0).normal(size=(120, 120))

    def score():
        product = matrix
        for _ in range(5):
            product = np.tanh(matrix @ product)
        return product

    stored, now = (measure_throughput(score, 4, device="cpu", budget=0.5) for _ in range(2))
    assert no_slowdown(now, stored).status is Status.PASSED


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
    verdict = no_slowdown(later, stored)
    assert verdict.fault == (None if growth == 1.0 else "slower"), verdict
    assert verdict.measured["growth_in_loops"] == pytest.approx(growth - 1.0, abs=0.05)
