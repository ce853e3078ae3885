"""Measuring throughput: what is timed, how often, and what is refused."""

from __future__ import annotations

import time

import pytest

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.throughput import Throughput
from rerank_guard.recording import throughput
from rerank_guard.recording.throughput import (
    FEWEST_REPEATS,
    REPEATS,
    REPEATS_OF_LONG_CALLS,
    machine_description,
    measure_throughput,
)

ONE = {"users": 2, "seconds": (0.5,), "loop_seconds": (0.1,), "matmul_seconds": (0.2,), "device": "cpu"}


class Clock:
    """A clock that only work moves on, so that no test depends on how busy the machine is."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def work(self, name: str, *seconds: float):
        """Work that takes so long, at the first call, at the second ..., and the last of these ever after."""
        left = list(seconds)

        def call(*_: object) -> None:
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(throughput, "_loop", clock.work("loop", 0.01))
    monkeypatch.setattr(throughput, "_matmuls", clock.work("matmul", 0.02))
    monkeypatch.setattr(throughput, "_TRIES", 1)
    return clock


def test_each_timing_is_one_call_between_two_of_the_arithmetic(clock):
    timed = measure_throughput(clock.work("score", 9.0, 0.1, 0.2, 0.3), 8, device="cpu", repeats=2)
    assert clock.log == [
        *("score", "loop", "matmul", "score"),  # to warm up, and to see how long a call takes
        *("loop", "matmul", "score", "loop", "matmul", "score", "loop", "matmul"),
    ]
    assert timed.seconds == pytest.approx((0.2, 0.3))
    assert timed.loop_seconds == pytest.approx((0.01, 0.01))
    assert timed.matmul_seconds == pytest.approx((0.02, 0.02))
    assert timed.users == 8
    assert timed.users_per_second == pytest.approx(8 / 0.25)
    assert timed.device == f"cpu; {machine_description()}"


def test_the_arithmetic_is_the_mean_of_before_and_after(clock, monkeypatch):
    monkeypatch.setattr(throughput, "_loop", clock.work("loop", 0.5, 0.01, 0.03, 0.05))
    timed = measure_throughput(clock.work("score", 0.1), 1, device="cpu", repeats=2)
    assert timed.loop_seconds == pytest.approx((0.02, 0.04))


def test_of_several_tries_of_the_arithmetic_the_shortest_counts(clock, monkeypatch):
    monkeypatch.setattr(throughput, "_TRIES", 3)
    monkeypatch.setattr(throughput, "_loop", clock.work("loop", 0.5, *[0.09, 0.01, 0.05] * 3))
    timed = measure_throughput(clock.work("score", 0.1), 1, device="cpu", repeats=2)
    assert timed.loop_seconds == pytest.approx((0.01, 0.01))


def test_short_calls_are_timed_together(clock):
    timed = measure_throughput(clock.work("score", 0.0015), 1, device="cpu", repeats=3)
    assert clock.log.count("score") == 2 + 3 * 14, "14 calls are the first to take 0.02 s"
    assert timed.seconds == pytest.approx((0.0015,) * 3), "a timing is of one call"


def test_the_budget_shortens_the_measurement_to_what_a_comparison_needs(clock):
    score = clock.work("score", 1.0)
    assert len(measure_throughput(score, 1, device="cpu", budget=100.0).seconds) == REPEATS_OF_LONG_CALLS
    short = clock.work("score", 0.0015)
    assert len(measure_throughput(short, 1, device="cpu", budget=100.0).seconds) == REPEATS
    assert len(measure_throughput(score, 1, device="cpu", budget=15.0).seconds) == 15
    assert len(measure_throughput(score, 1, device="cpu", budget=1.0).seconds) == FEWEST_REPEATS
    assert len(measure_throughput(score, 1, device="cpu", budget=1.0, repeats=5).seconds) == 5


def test_work_is_timed_by_the_real_clock_and_an_empty_call_too():
    timed = measure_throughput(lambda: time.sleep(0.02), 8, device="cpu", repeats=3)
    assert min(timed.seconds) >= 0.019
    assert min(timed.loop_seconds + timed.matmul_seconds) > 1e-6
    assert measure_throughput(lambda: None, 1, device="cpu", repeats=2).users_per_second > 1.0


def test_the_machine_is_described_with_its_limit_on_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    plain = machine_description()
    assert " cores" in plain
    assert len(plain) > len(", 1 cores"), "the processor has a name"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine_description() == f"{plain}, OMP_NUM_THREADS=3"


def test_what_the_reranker_raises_is_not_swallowed():
    def score():
        raise ValueError("no weights")

    with pytest.raises(ValueError, match="no weights"):
        measure_throughput(score, 1, device="cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 0}, "repeats=0"),
        ({"budget": 0.0}, "budget=0"),
        ({"budget": float("nan")}, "budget=nan"),
    ],
)
def test_settings_that_measure_nothing_are_refused(settings, message):
    with pytest.raises(RerankGuardError, match=message):
        measure_throughput(lambda: None, 1, device="cpu", **settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": 0}, "throughput of 0 users"),
        ({"users": True}, "throughput of True users"),
        ({"users": 2.0}, r"throughput of 2\.0 users"),
        ({"seconds": ()}, "seconds is "),
        ({"seconds": [0.5]}, r"seconds is \[0\.5\]; give a tuple"),
        ({"seconds": (0.0,)}, r"seconds holds 0\.0"),
        ({"seconds": (float("inf"),)}, "seconds holds inf"),
        ({"loop_seconds": (float("nan"),)}, "loop_seconds holds nan"),
        ({"matmul_seconds": ("1",)}, "matmul_seconds holds '1'"),
        ({"matmul_seconds": (True,)}, "matmul_seconds holds True"),
        ({"loop_seconds": (0.1, 0.1)}, "loop_seconds has 2 timings for 1"),
        ({"device": None}, "device None"),
    ],
)
def test_impossible_timings_are_refused(changes, message):
    assert Throughput(**ONE).users_per_second == 4.0
    with pytest.raises(RerankGuardError, match=message):
        Throughput(**{**ONE, **changes})
