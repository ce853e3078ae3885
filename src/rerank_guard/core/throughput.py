"""How long scoring took, as stored in a reference run and compared with a later one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.types import FloatArray

__all__ = ["Throughput"]


@dataclass(frozen=True, slots=True)
class Throughput:
    """R timings of scoring the same users, and of two pieces of fixed arithmetic before and after each.

    One piece of arithmetic keeps one core busy, the other as many as numpy's matrix product takes: a loaded machine slows
    a reranker about as much as one of the two. `recording.throughput.measure_throughput` takes the timings.

    Attributes:
        users: how many are scored in one call.
        seconds: (R,) wall-clock seconds of one call.
        loop_seconds: (R,) of a loop in Python, the mean of before and after.
        matmul_seconds: (R,) of matrix products, the mean of before and after.
        device: where scoring ran, and on which machine (see `recording.throughput.machine_description`); only equal ones
            are compared.

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
