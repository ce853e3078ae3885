"""How a job's learning rate went, against the usual schedules over the planned number of steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import FloatArray

__all__ = ["idle_at_the_end", "pace", "warmed_up_after"]

_NOTHING = 1e-6
"""Share of the peak up to which a rate is none: a schedule that is over gives exactly 0, or what rounding leaves of it."""

_AT_PEAK = 0.99
"""Share of the largest rate at which the warm-up is over."""

_PACES = (1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 32.0, 64.0)
"""Steps of the schedule a step of the optimiser; accumulation over 2 to 64 batches, and what ends a fifth early."""


def warmed_up_after(rates: FloatArray) -> int:
    """The steps before the first one at the job's largest rate, within a hundredth."""
    return int(np.argmax(rates >= _AT_PEAK * rates.max()))


def idle_at_the_end(rates: FloatArray) -> int:
    """How many steps at the end have no learning rate."""
    alive = np.flatnonzero(rates > _NOTHING * rates.max())  # none where all are 0
    return len(rates) - 1 - int(alive[-1]) if len(alive) else len(rates)


def pace(plan: TrainingPlan, rates: FloatArray, fits: float, differs: float) -> float:
    """How many steps the schedule took for each of the optimiser's, where one of the usual schedules shows it; else 1.

    A schedule that is advanced with every micro-batch, or counts too few steps, is the planned one at a higher pace. Compared
    are constant, linear and cosine schedules with linear warm-up (transformers' `get_scheduler`), recorded up to a step
    early or late. Only a job that is far from each of them at the planned pace, and close to one at another pace, is told:
    other schedules (restarts, steps, a floor) fit none.

    Args:
        plan: of its steps and warm-up.
        rates: (S,) the learning rate of each step, of which the largest is above 0.
        fits: mean distance from a curve, as a share of the peak, within which the job followed it.
        differs: mean distance from every curve of the planned pace beyond which it followed none of these.
    """
    if np.ptp(rates) == 0.0:
        return 1.0
    distance = {factor: _distance(plan, rates, factor) for factor in (1.0, *_PACES)}
    best = min(distance, key=lambda factor: distance[factor])
    return best if distance[1.0] > differs and distance[best] <= fits else 1.0


def _distance(plan: TrainingPlan, rates: FloatArray, factor: float) -> float:
    """The smallest mean distance from a curve of this pace, as a share of the peak."""
    steps = np.arange(len(rates), dtype=np.float64)
    share = rates / rates.max()
    distances = []
    for shape in (_constant, _linear, _cosine, _cosine_clipped):
        for shift in (0, 1):
            curve = _curve(plan, shape, np.asarray(factor * (steps + shift), dtype=np.float64))
            if curve.max() > 0.0:
                distances.append(float(np.abs(share - curve / curve.max()).mean()))
    return min(distances)


def _curve(plan: TrainingPlan, shape: Callable[[FloatArray], FloatArray], at: FloatArray) -> FloatArray:
    warmup = plan.warmup_steps
    rising = at / max(1, warmup)
    progress = (at - warmup) / max(1, plan.steps - warmup)
    return np.asarray(np.where(at < warmup, rising, shape(np.maximum(progress, 0.0))), dtype=np.float64)


def _constant(progress: FloatArray) -> FloatArray:
    return np.ones_like(progress)


def _linear(progress: FloatArray) -> FloatArray:
    return np.maximum(0.0, 1.0 - progress)


def _cosine(progress: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * progress)))


def _cosine_clipped(progress: FloatArray) -> FloatArray:
    return _cosine(np.minimum(progress, 1.0))
