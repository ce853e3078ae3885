"""Two rerankers on the same users, each user a hit or a miss for either."""

from __future__ import annotations

from scipy.stats import binomtest

__all__ = ["mcnemar_p_value"]


def mcnemar_p_value(wins: int, losses: int) -> float:
    """One-sided exact McNemar test of "the first is no better than the second".

    Only users on whom the two differ say anything; under the null each of them is a fair coin at most
    (McNemar 1947; the exact form is the sign test).

    Args:
        wins: users whom the first hits and the second misses.
        losses: users whom the second hits and the first misses.

    Returns:
        P(at least this many wins among wins + losses fair coins); 1.0 when the two never differ.
    """
    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)
