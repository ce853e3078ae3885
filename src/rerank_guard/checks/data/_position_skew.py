"""How unevenly target items are spread over the positions of their lists, and what n of them would show.

Positions are (n,) int64 and 0-based, lengths are (n,) int64 N of each list, N >= 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR, log_e_value_above, log_e_value_below
from rerank_guard.stats.skew import log_e_value_uneven

__all__ = [
    "Skew",
    "expected_at",
    "in_first_half",
    "largest_skew",
    "least_share_shown",
    "log_e_beyond_skill",
    "log_e_uneven",
]

_ENDS = 4


def log_e_uneven(positions: IntArray, lengths: IntArray) -> float:
    """Log of the average of four e-values, each against "uniform given N", and so an e-value itself.

    - any uneven use of the positions: the Dirichlet-multinomial of `stats.skew`, multiplied over the users of each N;
    - early or late positions: a bet (`stats.bets`) on the mean of (position + 1/2) / N, which is 1/2 at every N;
    - both ends or the middle: a bet on the mean of |2 (position + 1/2) / N - 1|;
    - one of the first or the last 4 positions: bets on its being hit more often than 1/N.
    """
    different = np.unique(lengths).tolist()
    uneven = sum(log_e_value_uneven(np.bincount(positions[lengths == n], minlength=n)) for n in different)
    place = (positions + 0.5) / lengths
    from_middle, expected = np.abs(2.0 * place - 1.0), _mean_from_middle(lengths)
    middle = _average([log_e_value_above(from_middle, expected), log_e_value_below(from_middle, expected)])
    ends = []
    for from_end in (positions, lengths - 1 - positions):
        for j in range(min(_ENDS, int(lengths.max()))):
            ends.append(_log_e_hits(int((from_end == j).sum()), lengths[lengths > j]))
    early_or_late = [log_e_value_below(place, 0.5), log_e_value_above(place, 0.5)]
    return _average([uneven, _average(early_or_late), middle, _average(ends)])


def log_e_beyond_skill(positions: IntArray, lengths: IntArray, most_first: float) -> float:
    """Against "listed by a first stage at least as good as chance, and first in at most `most_first` of the tasks"."""
    last, first = (positions == lengths - 1).astype(np.float64), (positions == 0).astype(np.float64)
    return _average(
        [
            log_e_value_above((positions + 0.5) / lengths, 0.5),
            log_e_value_above(last, 1.0 / lengths),
            log_e_value_above(first, most_first),
        ]
    )


def _log_e_hits(hits: int, lengths: IntArray) -> float:
    """`log_e_value_above` of so many hits against a rate of 1/N each, from their number alone."""
    odds = np.expm1(LOG_ODDS)
    different, users = np.unique(lengths, return_counts=True)
    log_wealth = hits * LOG_ODDS - (users[:, None] * np.log1p(odds / different[:, None])).sum(axis=0)
    return float(logsumexp(log_wealth + LOG_PRIOR))


def _average(log_e_values: Sequence[float]) -> float:
    return float(logsumexp(log_e_values) - math.log(len(log_e_values)))


def _mean_from_middle(lengths: IntArray) -> FloatArray:
    """Mean of |2 (position + 1/2) / N - 1| over N positions: 1/2 for even N, and (N^2 - 1) / (2 N^2) for odd N."""
    return np.where(lengths % 2 == 0, 0.5, (1.0 - 1.0 / lengths**2) / 2.0)


def in_first_half(positions: IntArray, lengths: IntArray) -> FloatArray:
    """(n,) 1 in the first half, 0 in the second, 1/2 in the middle of an odd list: mean 1/2 at every N."""
    return np.asarray((1.0 + np.sign(lengths - 1 - 2 * positions)) / 2.0, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Skew:
    """One way in which positions are uneven.

    Attributes:
        where: such as "first half", "position 0", "position 1 from the end".
        share: of the target items that are there.
        excess: that share less the one of uniform positions.
    """

    where: str
    share: float
    excess: float


def largest_skew(positions: IntArray, lengths: IntArray) -> Skew:
    """Where the excess share over uniform is largest: a half of the lists, or one position from the start or the end."""
    half = float(in_first_half(positions, lengths).mean())
    skews = [Skew("first half", half, half - 0.5), Skew("second half", 1.0 - half, 0.5 - half)]
    n, longest = len(positions), int(lengths.max())
    expected = expected_at(lengths) / n
    for name, place, first in (
        ("position {}", positions, 0),
        ("position {} from the end", lengths - 1 - positions, 1),
    ):
        share = np.bincount(place, minlength=longest) / n
        j = int((share - expected).argmax())
        skews.append(Skew(name.format(j + first), float(share[j]), float((share - expected)[j])))
    return max(skews, key=lambda skew: skew.excess)


def expected_at(lengths: IntArray) -> FloatArray:
    """(Nmax,) how many target items uniform positions put at each position."""
    by_length = np.bincount(lengths, weights=1.0 / lengths)
    return np.asarray(by_length[::-1].cumsum()[::-1][1:], dtype=np.float64)


def least_share_shown(n: int, n_positions: int, alpha: float) -> float | None:
    """The share of n target items, moved to one of n_positions, at which the counts expected reach 1/alpha.

    None where all of them do not.
    """
    needed, lengths = math.log(4.0 / alpha), np.full(n, n_positions, dtype=np.int64)
    n_ends = 2 * min(_ENDS, n_positions)

    def shown(at_one: int) -> bool:
        rest = np.full(n_positions - 1, (n - at_one) // (n_positions - 1), dtype=np.int64)
        rest[: (n - at_one) % (n_positions - 1)] += 1
        one_position = _log_e_hits(at_one, lengths) - math.log(n_ends)
        return max(log_e_value_uneven(np.append(rest, at_one)), one_position) >= needed

    if not shown(n):
        return None
    low, high = n // n_positions, n  # the counts of a uniform list, which show nothing, and of all at one position
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return (high / n - 1.0 / n_positions) / (1.0 - 1.0 / n_positions)
