"""How long scoring takes, beside fixed arithmetic timed in turn with it, so that a loaded machine slows both."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rerank_guard.errors import RerankGuardError
from rerank_guard.types import FloatArray

__all__ = [
    "FEWEST_REPEATS",
    "REPEATS",
    "REPEATS_OF_LONG_CALLS",
    "Throughput",
    "machine_description",
    "measure_throughput",
]

REPEATS = 20
"""Timings of one measurement: 20 against 20 show a 30 % fall of throughput through a noise of about 8 % a timing. That is what
the mean over several short calls has."""

REPEATS_OF_LONG_CALLS = 80
"""The same of calls that are long enough to be timed one by one, and whose noise no mean has reduced. On a shared machine even
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


@dataclass(frozen=True, slots=True)
class Throughput:
    """R timings of scoring the same users, and of two pieces of fixed arithmetic before and after each.

    One piece of arithmetic keeps one core busy, the other as many as numpy's matrix product takes: what a loaded machine
    does to a reranker lies near what it does to either of them.

    Attributes:
        users: how many are scored in one call.
        seconds: (R,) wall-clock seconds of one call.
        loop_seconds: (R,) of a loop in Python, the mean of before and after.
        matmul_seconds: (R,) of matrix products, the mean of before and after.
        device: where scoring ran, and on which machine (see `machine_description`); only equal ones are compared.

    Raises:
        RerankGuardError: no users, no timing, columns of different lengths, a timing that is not a positive number, or a
            device that is not text.
    """

    users: int
    seconds: tuple[float, ...]
    loop_seconds: tuple[float, ...]
    matmul_seconds: tuple[float, ...]
    device: str

    def __post_init__(self) -> None:
        users: object = self.users
        if isinstance(users, bool) or not isinstance(users, int) or users < 1:
            raise RerankGuardError(f"throughput of {users!r:.200} users; give a whole number from 1.")
        device: object = self.device
        if not isinstance(device, str):
            raise RerankGuardError(f"throughput on the device {device!r:.200}; describe it as text.")
        for name in ("seconds", "loop_seconds", "matmul_seconds"):
            _require_timings(getattr(self, name), name, len(self.seconds))
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))

    @property
    def users_per_second(self) -> float:
        """By the median timing."""
        return self.users / float(np.median(self.seconds))

    def costs(self) -> dict[str, FloatArray]:
        """What scoring costs in three units: (R,) seconds, (R,) loops, (R,) matrix products."""
        seconds = np.array(self.seconds)
        return {
            "seconds": seconds,
            "loops": seconds / np.array(self.loop_seconds),
            "matrix products": seconds / np.array(self.matmul_seconds),
        }


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
            handing out numpy arrays does that).
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
    """The processor's model: from Linux where it tells, since platform gives the architecture alone there."""
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


def _require_timings(values: object, name: str, expected: int) -> None:
    if not isinstance(values, tuple) or len(values) == 0:
        raise RerankGuardError(f"throughput's {name} is {values!r:.200}; give a tuple of one or more timings.")
    if len(values) != expected:
        raise RerankGuardError(
            f"throughput's {name} has {len(values)} timings for {expected} seconds; give one each."
        )
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0.0 < value < math.inf:
            raise RerankGuardError(
                f"throughput's {name} holds {value!r:.200}; a timing is a number of seconds above 0."
            )
