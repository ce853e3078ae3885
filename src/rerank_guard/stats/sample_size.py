"""How many users, or examples, would decide what is still open, if they go on like those seen so far."""

from __future__ import annotations

import math

from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import LOG_PRIOR, log_wealths

__all__ = ["samples_to_bet_above", "samples_to_bet_below", "samples_to_reach"]


def samples_to_reach(log_e_value: float, n: int, alpha: float) -> int | None:
    """Samples after which log(1/alpha) is reached, when n have brought `log_e_value`; None when it falls."""
    return _rounded_up(math.log(1.0 / alpha), log_e_value / n)


def samples_to_bet_above(values: FloatArray, means: FloatArray | float, alpha: float) -> int | None:
    """Samples after which the bets reject "the mean is at most `means`", if the values go on like this.

    log(1/alpha), plus what the prior costs, over the growth of the bet that has grown most.
    """
    wealth = log_wealths(values, means)
    best = int(wealth.argmax())
    return _rounded_up(math.log(1.0 / alpha) - 0.5 * float(LOG_PRIOR[best]), float(wealth[best]) / len(values))


def samples_to_bet_below(values: FloatArray, means: FloatArray | float, alpha: float) -> int | None:
    """Samples after which the bets reject "the mean is at least `means`"."""
    return samples_to_bet_above(1.0 - values, 1.0 - means, alpha)


def _rounded_up(needed: float, growth: float) -> int | None:
    if not growth > 1e-9:  # a billion users is no advice
        return None
    return max(1, math.ceil(needed / growth))
