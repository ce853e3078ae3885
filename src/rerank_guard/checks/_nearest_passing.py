"""The nearest value of a setting with which a check passes, for advice that can be followed."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable

__all__ = ["nearest_passing"]

_DIGITS = 2
"""Significant digits of the values that are tried: what is advised is to be typed."""


def nearest_passing(passes: Callable[[float], bool], start: float, end: float) -> float | None:
    """The first of the numbers with two significant digits from `start` (left out) to `end` with which a check passes.

    Args:
        passes: whether the check passes with a value; of values nearer to `end` than one that does, all do.
        start: the present value, at least 0, with which it does not pass.
        end: the furthest value that is advised, above 0; below or above `start`.

    Returns:
        The value; None where not even the furthest of them passes. About ten values are tried.
    """
    low, high = sorted((max(start, min(end, 1e-9)), end))
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    numbers = [
        float(f"{mantissa}e{exponent - _DIGITS + 1}")
        for exponent in range(first, last + 1)
        for mantissa in range(10 ** (_DIGITS - 1), 10**_DIGITS)
    ]
    tried = [number for number in numbers if low <= number <= high and number != start]
    if end < start:
        tried.reverse()
    at = bisect.bisect_left(tried, True, key=passes)
    return tried[at] if at < len(tried) else None
