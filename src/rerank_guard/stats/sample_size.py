"""How many users, at the rate observed so far, would decide what is still open."""

from __future__ import annotations

import math

from scipy.special import rel_entr

from rerank_guard.stats.bounded_mean import STAKES, log_wealths
from rerank_guard.types import FloatArray

__all__ = ["samples_to_bet_above", "samples_to_bet_below", "samples_to_reach", "users_to_tell_apart"]


def users_to_tell_apart(observed: float, reference: float, alpha: float) -> int | None:
    """Users after which a binomial test at alpha tells the observed rate from the reference, if it stays.

    log(1/alpha) / KL(observed || reference), the leading term of the exact tail (Chernoff 1952). A
    quarter to a half more than the number at which the exact test decides in half of the cases: a margin for luck.

    Args:
        observed: the rate so far, in [0, 1].
        reference: the rate to be refuted, in [0, 1].
        alpha: level of the test.

    Returns:
        Users, rounded up, at least 1; None when the two rates are (nearly) equal and no number would do.
    """
    divergence = float(rel_entr(observed, reference) + rel_entr(1.0 - observed, 1.0 - reference))
    return _rounded_up(math.log(1.0 / alpha), divergence)


def samples_to_reach(log_e_value: float, n: int, alpha: float) -> int | None:
    """Samples after which log(1/alpha) is reached, when n have brought `log_e_value`; None when it falls."""
    return _rounded_up(math.log(1.0 / alpha), log_e_value / n)


def samples_to_bet_above(values: FloatArray, means: FloatArray | float, alpha: float) -> int | None:
    """Samples after which the bets reject "the mean is at most `means`", if the values go on like this."""
    growth = float(log_wealths(values, means).max()) / len(values)
    return _rounded_up(math.log(len(STAKES) / alpha), growth)


def samples_to_bet_below(values: FloatArray, means: FloatArray | float, alpha: float) -> int | None:
    """Samples after which the bets reject "the mean is at least `means`"."""
    return samples_to_bet_above(1.0 - values, 1.0 - means, alpha)


def _rounded_up(needed: float, growth: float) -> int | None:
    if not growth > 1e-9:  # a billion users is no advice
        return None
    return max(1, math.ceil(needed / growth))
