"""Exact confidence intervals for a rate."""

from __future__ import annotations

from scipy.stats import beta

from rerank_guard.errors import RerankGuardError

__all__ = ["clopper_pearson"]


def clopper_pearson(successes: int, n: int, level: float) -> tuple[float, float]:
    """The exact two-sided interval for a binomial rate.

    Each end leaves (1 - level)/2 outside, so the lower end at level 1 - 2*alpha exceeds a rate exactly when the
    one-sided binomial test at alpha rejects that rate.
    Source: Clopper and Pearson (1934), through the quantiles of the beta distribution.

    Args:
        successes: how many of the n trials succeeded, 0 to n.
        n: trials, at least 1.
        level: confidence, inside (0, 1).

    Returns:
        The two ends, 0 <= low <= successes/n <= high <= 1.

    Raises:
        RerankGuardError: a count or level out of range.
    """
    if n < 1 or not 0 <= successes <= n:
        raise RerankGuardError(
            f"{successes} successes of {n} trials is not a count; give 0 <= successes <= n, n >= 1."
        )
    if not 0.0 < level < 1.0:
        raise RerankGuardError(f"level={level!r} is not a confidence level; give a number between 0 and 1.")
    outside = (1.0 - level) / 2.0
    low = 0.0 if successes == 0 else float(beta.ppf(outside, successes, n - successes + 1))
    high = 1.0 if successes == n else float(beta.isf(outside, successes + 1, n - successes))
    return low, high
