"""Measures how long scoring takes, in turn with fixed arithmetic, so that a loaded machine slows both."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray

__all__ = [
    "FEWEST_REPEATS",
    "REPEATS",
    "REPEATS_OF_LONG_CALLS",
    "machine_description",
    "measure_throughput",
]

REPEATS = 20
"""Timings of one measurement: 20 against 20 show a 30 % fall of throughput through a noise of about 8 % a timing. That is what
the mean over several short calls has."""

REPEATS_OF_LONG_CALLS = 80
"""The same for calls that are long enough to be timed one by one, and whose noise no mean has reduced. On a shared machine even
fixed arithmetic was seen to run in two modes, 2 and 3 ms; 80 against 80 show the fall through that."""

FEWEST_REPEATS = 12
"""With fewer on either side, two measurements cannot differ at 1e-6: 1 / C(24, 12) = 3.7e-7, 1 / C(22, 11) = 1.4e-6."""

_SHORTEST = (
    0.02  # seconds; scoring that takes less is called several times a timing, or the clock and the scheduler decide
)
_MOST_CALLS = 200
_CHUNK = 170
"""Python frames, about, in a chunk of CPython's stack (16 KiB). A function whose calls cross the end of one allocates and
frees a chunk at each of them, and is then up to 15 times slower: at a few depths of the stack, and not at the next."""
_LOOP = 60_000
_MATMUL_SIDE = 320
_MATMULS = 3
_TRIES = 3


def measure_throughput(
    score: Callable[[], object],
    users: int,
    *,
    device: str,
    repeats: int | None = None,
    budget: float = 30.0,
) -> Throughput:
    """Time `score` again and again, in turn with the fixed arithmetic.

    The first call is not timed (it may compile, or fill caches). A short one is then called several times a timing. Each
    timing is taken at another depth of Python's stack, so that what a few depths cost is in a few timings only,
    wherever this is called from.

    Args:
        score: scores the same users at each call, and returns when the scores are there (a GPU has to be waited for;
            returning numpy arrays does that).
        users: how many it scores.
        device: where the model runs, such as "cpu" or "NVIDIA H100"; the machine's own description is added.
        repeats: timings, R; None for 20 of several short calls each, or 80 of one long call each.
        budget: seconds that all calls may take together, about; fewer timings are taken then, but not fewer than
            `FEWEST_REPEATS` (or `repeats`, if that is less).

    Raises:
        RerankGuardError: no users, no repeats, or a budget that is not a positive number.
    """
    if repeats is not None and repeats < 1:
        raise RerankGuardError(
            f"repeats={repeats!r} takes no timing; give a whole number from 1, such as {REPEATS}."
        )
    if not budget > 0.0:
        raise RerankGuardError(f"budget={budget!r} is no time to measure in; give seconds above 0, such as 30.")
    matrix = np.random.default_rng(0).standard_normal((_MATMUL_SIDE, _MATMUL_SIDE))
    score()
    _loop(), _matmuls(matrix)
    once = max(_timed(score), 1e-9)
    calls = max(1, min(_MOST_CALLS, math.ceil(_SHORTEST / once)))
    affordable = max(int(budget / (calls * once)), FEWEST_REPEATS)

    def call_all() -> None:
        for _ in range(calls):
            score()

    rows = []
    before = _best(_loop), _best(lambda: _matmuls(matrix))
    wanted = repeats or (REPEATS if calls > 1 else REPEATS_OF_LONG_CALLS)
    taken = min(wanted, affordable)
    for repeat in range(taken):
        seconds = _timed(partial(_deeper, repeat * _CHUNK // taken, call_all)) / calls
        after = _best(_loop), _best(lambda: _matmuls(matrix))
        rows.append((seconds, (before[0] + after[0]) / 2.0, (before[1] + after[1]) / 2.0))
        before = after
    seconds_of, loops, matmuls = (tuple(max(value, 1e-9) for value in column) for column in zip(*rows, strict=True))
    return Throughput(users, seconds_of, loops, matmuls, f"{device}; {machine_description()}")


def machine_description() -> str:
    """Processor, cores that this process may use, and the limit on threads if one is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = os.environ.get("OMP_NUM_THREADS")
    return f"{_processor()}, {cores} cores" + (f", OMP_NUM_THREADS={limit}" if limit else "")


def _processor() -> str:
    """The processor's model: on Linux from /proc/cpuinfo, since platform gives only the architecture there."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine() or "unknown processor"


def _best(work: Callable[[], object]) -> float:
    """The shortest of a few timings: threads that still spin after scoring disturb the first product, not all of them."""
    return min(_timed(work) for _ in range(_TRIES))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _deeper(frames: int, work: Callable[[], object]) -> object:
    return work() if frames == 0 else _deeper(frames - 1, work)


def _loop() -> int:
    state = 1
    for _ in range(_LOOP):
        state = (
            state * 1103515245 + 12345
        ) & 0x7FFFFFFF  # each step needs the last, so that nothing can be skipped
    return state


def _matmuls(matrix: FloatArray) -> FloatArray:
    product = matrix
    for _ in range(_MATMULS):
        product = matrix @ product
        product /= _MATMUL_SIDE  # or it would overflow
    return product
