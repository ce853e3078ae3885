"""Two rerankers on the same users: is the first better, judged by the users on whom they differ?"""

from __future__ import annotations

import numpy as np

from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import log_e_path_above, log_e_path_below

__all__ = ["log_e_path_better", "log_e_path_worse_than"]


def log_e_path_better(first: FloatArray, second: FloatArray, margin: float = 0.0) -> FloatArray:
    """Log e-process against "the first is better than the second by at most `margin` on average".

    A bet on (d + 1)/2 against (1 + margin)/2, d the difference user by user. At margin 0 a user on whom both agree
    changes nothing, so that it is the sign test of McNemar (1947) as a bet.

    Args:
        first: (U,) float64 in [0, 1], such as expected hits.
        second: the same of the other reranker, the same users in the same order.
        margin: in (-1, 1).

    Returns:
        log E at the moments `stats.bets.look_times(U)`.

    Raises:
        InvalidScoresError: the two differ in length.
    """
    return log_e_path_above(_halved(first, second), (1.0 + margin) / 2.0)


def log_e_path_worse_than(first: FloatArray, second: FloatArray, margin: float) -> FloatArray:
    """Log e-process against "the first is better than the second by at least `margin` on average"."""
    return log_e_path_below(_halved(first, second), (1.0 + margin) / 2.0)


def _halved(first: FloatArray, second: FloatArray) -> FloatArray:
    if first.shape != second.shape:
        raise InvalidScoresError(
            f"a paired comparison needs the same users: {first.shape} values here, {second.shape} there."
        )
    return np.asarray((first - second + 1.0) / 2.0, dtype=np.float64)
