"""How the losses of a job went: where they ended, whether they ran away, and whether the job avoids its targets."""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.checks.training._unchanged import rose
from rerank_guard.core.types import IntArray, TrainingTrace
from rerank_guard.stats.bets import log_e_value_above

__all__ = ["avoids_the_target", "blew_up", "quarters", "warms_up_to_the_end"]

_BLEW_UP = 1.5
"""Times both chance and the start that a tenth of the first pass has to exceed."""

_AT_START = 16
"""Fewest examples that show what a job started with: its first step, or its first few."""

_RISING = 1.05
"""Times its mean that the last learning rate has to exceed, where the rate never fell."""


def avoids_the_target(trace: TrainingTrace, examples: IntArray, alpha: float) -> bool | None:
    """Whether these examples' targets are ranked worse than a model that knows nothing would rank them.

    A model that knows nothing, however confident, has E[(r - 1)/(N - 1)] = 1/2 of the target's rank r. One that always
    prefers one wrong letter (trained on the letter of the next position, say) and else knows nothing has
    1/2 + 1/(2(N - 1)). Only where a mean of that or less is rejected at alpha does the model know the target and avoid it.
    At N=2 it never is.

    Args:
        trace: of the job.
        examples: indices of first-pass examples.
        alpha: level.

    Returns:
        None where no ranks were recorded.
    """
    if trace.target_rank is None:
        return None
    examples = examples[np.isfinite(trace.target_rank[examples])]
    others = trace.n_candidates[examples].astype(np.float64) - 1.0
    places = np.clip((trace.target_rank[examples] - 1.0) / others, 0.0, 1.0)
    return log_e_value_above(places, 0.5 + 0.5 / others) >= math.log(1.0 / alpha)


def blew_up(trace: TrainingTrace) -> bool:
    """Whether a tenth of the first pass has a mean NLL above 1.5 times both chance and what the job started with, for certain."""
    parts = [part for part in np.array_split(np.flatnonzero(trace.first_pass), 10) if len(part)]
    levels = [float(trace.letter_nll[part].mean()) for part in parts]
    chance = [float(np.log(trace.n_candidates[part]).mean()) for part in parts]
    first_step = trace.letter_nll[trace.first_pass & (trace.example_step == trace.example_step[parts[0][0]])]
    if len(first_step) < _AT_START:
        first_step = trace.letter_nll[trace.first_pass][:_AT_START]
    start = float(first_step.mean())
    return any(
        level > _BLEW_UP * max(c, start) and rose(first_step, trace.letter_nll[part])
        for part, level, c in zip(parts, levels, chance, strict=True)
    )


def warms_up_to_the_end(trace: TrainingTrace) -> bool:
    """Whether the learning rate was still rising when the job ended."""
    rates = trace.learning_rate
    never_fell = len(rates) > 1 and bool((np.diff(rates) >= 0.0).all())
    return never_fell and float(rates[-1]) > _RISING * float(rates.mean())


def quarters(trace: TrainingTrace) -> tuple[str, ...]:
    """How the letter NLL went, a quarter of the first pass a row."""
    parts = [part for part in np.array_split(np.flatnonzero(trace.first_pass), 4) if len(part)]
    return tuple(
        f"first-pass examples {part[0]} to {part[-1]}: letter NLL {trace.letter_nll[part].mean():.3f}, "
        f"mean log N {np.log(trace.n_candidates[part]).mean():.3f}"
        for part in parts
    )
