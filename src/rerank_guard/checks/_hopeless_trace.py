"""What in a trace makes learning impossible, whatever the losses say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.types import BoolArray, TrainingTrace
from rerank_guard.verdict import MAX_EVIDENCE

__all__ = ["NO_UPDATE", "Hopeless", "bad_gradients", "hopeless"]

MOST_NON_FINITE_GRADIENTS = 0.05
"""Share of the recorded steps up to which non-finite gradient norms are taken for skipped steps of loss scaling."""

MOSTLY_ZERO = 0.9
"""Share of the steps with a gradient of exactly 0 from which on nothing can be learned."""

NO_UPDATE = (
    "The learning rate is zero, or so small that the parameters do not move.",
    "Print the learning rate at each step; check the schedule, the warm-up, and which groups the optimiser holds.",
)
"""Cause and next step."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a job cannot have learned: the fault, words for it, and rows that show it."""

    fault: str
    cause: str
    next_step: str
    rows: tuple[str, ...]


def hopeless(trace: TrainingTrace) -> Hopeless | None:
    """The first reason why this job cannot have learned; None where it could."""
    steps = trace.optimizer_steps
    if trace.trainable_parameters == 0:
        return Hopeless(
            "no-trainable-parameters",
            "No parameter requires a gradient: the adapters are frozen or were never attached.",
            "Attach the adapters before the optimiser is made, and print the number of trainable parameters.",
            (f"0 trainable parameters after {steps} optimiser steps",),
        )
    if steps == 0:
        return Hopeless(
            "not-trained",
            "The job took no optimiser step: no data for this mode, or a loop that is never entered.",
            "Check that the training data is not empty and that the loop runs; count the steps.",
            (f"0 optimiser steps taken of {trace.planned_steps} planned, in {trace.seconds:.1f} s",),
        )
    bad = bad_gradients(trace)
    recorded = int((bad | np.isfinite(trace.gradient_norm)).sum())
    if not bool(np.isfinite(trace.letter_nll).all()) or bad.sum() > MOST_NON_FINITE_GRADIENTS * recorded:
        return Hopeless(
            "silent-nan",
            "A loss, or more gradients than loss scaling skips, were not finite numbers, and training went on.",
            "Stop at the first such step; look for half-precision overflow, an empty loss mask, or log of 0.",
            _non_finite_rows(trace, bad),
        )
    if not bool(trace.learning_rate.any()):
        return Hopeless("no-update", *NO_UPDATE, (f"learning rate 0 at all {steps} steps",))
    zero = trace.gradient_norm == 0.0
    if float(zero.mean()) >= MOSTLY_ZERO:
        return Hopeless(
            "no-update",
            "No gradient reaches the weights: its norm is exactly 0, so the loss does not depend on what is trained.",
            "Look for a detach(), a no_grad() or an .item() between the letter logits and the loss, for an adapter that is "
            "off in training, and for gradients that are clipped or zeroed before the step.",
            (f"gradient norm 0 at {int(zero.sum())} of {steps} steps",),
        )
    return None


def bad_gradients(trace: TrainingTrace) -> BoolArray:
    """(S,) infinite norms, and NaN ones where most steps did record a norm (NaN also says "not recorded")."""
    missing = np.isnan(trace.gradient_norm)
    mostly_recorded = missing.sum() * 2 < len(missing)
    bad: BoolArray = np.isinf(trace.gradient_norm) | (missing & mostly_recorded)
    return bad


def _non_finite_rows(trace: TrainingTrace, bad: BoolArray) -> tuple[str, ...]:
    examples = np.flatnonzero(~np.isfinite(trace.letter_nll))
    steps = np.flatnonzero(bad)
    rows = [
        f"{len(examples)} of {len(trace.letter_nll)} letter NLLs and {len(steps)} gradient norms are not finite"
    ]
    rows += [f"example {i} (step {trace.example_step[i]}): letter_nll {trace.letter_nll[i]}" for i in examples[:2]]
    rows += [f"step {i}: gradient norm {trace.gradient_norm[i]}" for i in steps[:2]]
    return tuple(rows[:MAX_EVIDENCE])
