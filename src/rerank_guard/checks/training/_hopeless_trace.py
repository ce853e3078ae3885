"""What in a trace makes learning impossible, whatever the losses say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.faults.training import NO_TRAINABLE_PARAMETERS, NO_UPDATE, NOT_TRAINED, SILENT_NAN
from rerank_guard.core.finding import Suspected, suspect
from rerank_guard.core.types import BoolArray, TrainingTrace
from rerank_guard.core.verdict import MAX_EVIDENCE

__all__ = ["HOPELESS", "MOSTLY_ZERO", "MOST_NON_FINITE", "Hopeless", "bad_gradients", "hopeless"]

MOST_NON_FINITE = 0.05
"""Default share of the recorded steps up to which non-finite gradient norms are taken for skipped steps of loss scaling."""

MOSTLY_ZERO = 0.9
"""Default share of the steps with a gradient of exactly 0 from which on nothing can be learned."""

HOPELESS = (NO_TRAINABLE_PARAMETERS, NOT_TRAINED, SILENT_NAN, NO_UPDATE)
"""The faults that `hopeless` may name, in the order in which it looks for them."""

_NON_FINITE = "Letter NLLs, or more than {:.3g}% of the recorded gradient norms, are not finite numbers, and training went on. Dynamic loss scaling skips fewer steps than that."
_NO_GRADIENT = (
    "No gradient reaches the weights: its norm is exactly 0, so the loss does not depend on what is trained.",
    "Look for a detach(), a no_grad() or an .item() between the letter logits and the loss, for an adapter that is off in "
    "training, and for gradients that are clipped or zeroed before the step.",
)


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a job cannot have learned: the fault with what was seen of it, and rows that show it."""

    suspected: Suspected
    rows: tuple[str, ...]


def hopeless(trace: TrainingTrace, *, max_non_finite: float, zero_gradients: float) -> Hopeless | None:
    """The first reason why this job cannot have learned; None where it could. Exact: no statistics.

    Args:
        trace: of the job.
        max_non_finite: share of the recorded gradient norms up to which those that are not finite are let pass.
        zero_gradients: share of the steps with a gradient of 0 from which on nothing was learned.
    """
    steps = trace.optimizer_steps
    if trace.trainable_parameters == 0:
        return Hopeless(
            suspect(NO_TRAINABLE_PARAMETERS), (f"0 trainable parameters after {steps} optimiser steps",)
        )
    if steps == 0:
        taken = f"0 optimiser steps taken of {trace.planned_steps} planned, in {trace.seconds:.1f} s"
        return Hopeless(suspect(NOT_TRAINED), (taken,))
    bad = bad_gradients(trace)
    recorded = int((bad | np.isfinite(trace.gradient_norm)).sum())
    if not bool(np.isfinite(trace.letter_nll).all()) or bad.sum() > max_non_finite * recorded:
        cause = _NON_FINITE.format(100.0 * max_non_finite)
        return Hopeless(suspect(SILENT_NAN, cause), _non_finite_rows(trace, bad))
    if not bool(trace.learning_rate.any()):
        return Hopeless(suspect(NO_UPDATE), (f"learning rate 0 at all {steps} steps",))
    zero = trace.gradient_norm == 0.0
    if float(zero.mean()) >= zero_gradients:
        return Hopeless(
            suspect(NO_UPDATE, *_NO_GRADIENT), (f"gradient norm 0 at {int(zero.sum())} of {steps} steps",)
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
