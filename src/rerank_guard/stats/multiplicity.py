"""Many checks, one error budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: reject those at most alpha, and the chance of any false rejection is at most alpha.

    The i-th smallest of m is multiplied by m - i + 1, and none may fall below the one before it (Holm 1979). It
    assumes nothing about the dependence between the tests. Valid with p = 1/sup E of an e-process too (Ville 1939).

    Args:
        p_values: one a test, in [0, 1].

    Returns:
        The adjusted p-values in the same order, at most 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    result = np.empty(len(p))
    result[order] = adjusted
    return [float(value) for value in result]
