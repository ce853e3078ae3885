"""Probabilities that are flat only by their scale: the same ones at the temperature that suits the targets best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["POWERS", "Sharpened", "sharpened"]

POWERS: FloatArray = np.exp2(np.arange(1, 15, dtype=np.float64))
"""The powers that probabilities are raised to: divisions of the temperature by 2 to 16,384."""


@dataclass(frozen=True, slots=True)
class Sharpened:
    """The probabilities raised to the power at which they say most of the targets, and normalised again.

    Attributes:
        matrix: (U, Nmax), padded on the right with 0.
        power: that power.
        log_e: log E against "where the target item is has nothing to do with the probabilities".
    """

    matrix: FloatArray
    power: float
    log_e: float


def sharpened(matrix: FloatArray, n_candidates: IntArray, position: IntArray) -> Sharpened:
    """The probabilities at the power that suits the targets best, and the evidence that they say something of these.

    Of probabilities p that know nothing of a target y, E[N p(y)] = 1 over a uniform y, whatever p is; and so of p raised to
    any power and normalised. The product over the tasks, averaged over all powers, is an e-value.

    Args:
        matrix: (U, Nmax) probabilities, padded on the right with 0, each row summing to 1.
        n_candidates: (U,) N of each.
        position: (U,) position of the target item, negative where it is not listed; such tasks say nothing.
    """
    inside = np.arange(matrix.shape[1]) < n_candidates[:, None]
    with np.errstate(divide="ignore"):
        logs = np.where(inside, np.log(matrix), -np.inf)
    listed = np.flatnonzero(position >= 0)
    gains = np.zeros(len(POWERS))
    for number, power in enumerate(POWERS.tolist()):
        raised = _normalised(logs[listed], power)
        own = raised[np.arange(len(listed)), position[listed]]
        gains[number] = float((own + np.log(n_candidates[listed])).sum())
    best = float(POWERS[gains.argmax()])
    log_e = float(logsumexp(gains)) - math.log(len(POWERS))
    return Sharpened(np.exp(_normalised(logs, best)), best, log_e)


def _normalised(logs: FloatArray, power: float) -> FloatArray:
    """(U, N) log-probabilities times a power, normalised; of few rows at once nothing has to be saved."""
    scaled = logs * power
    return np.asarray(scaled - logsumexp(scaled, axis=1, keepdims=True))
