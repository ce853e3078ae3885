"""Did the weights that should train move, and did the others stay?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rerank_guard.errors import RerankGuardError
from rerank_guard.training_plan import ParameterChange
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["LEAST_RELATIVE_CHANGE", "check_weights_moved"]

LEAST_RELATIVE_CHANGE = 1e-6
"""A job that changes its weights by less than this share of their norm has changed nothing: float32 resolves 1e-7."""

_EXPLANATIONS = {
    "silent-nan": (
        "Weights are not finite numbers any more: a step with a NaN or infinite gradient was applied.",
        "Stop at the first such step; look for half-precision overflow, an empty loss mask, or log of 0, and clip gradients.",
    ),
    "no-trainable-parameters": (
        "No weight is meant to train: the adapters are frozen or were never attached.",
        "Attach the adapters before the optimiser is made, and print the number of trainable parameters.",
    ),
    "frozen-weights-moved": (
        "Weights that should stay as they are were changed: the optimiser holds the wrong parameters, or the base was "
        "not frozen before the adapters were attached.",
        "Give the optimiser only parameters with requires_grad, freeze the base first, and load the base anew before "
        "training again.",
    ),
    "no-update": (
        "No weight that should train has moved: the learning rate is 0 or negligible, the weights are frozen, every step was "
        "skipped, or the optimiser holds other (copied) weights.",
        "Print the learning rate and the gradient norm of each step, and check that the optimiser's parameters are the "
        "model's own objects.",
    ),
}
_PART_UNMOVED = (
    "Some weights that should train have not moved at all, while others did: they are outside of the graph (a layer whose "
    "output is not used, an adapter that is not active), in no parameter group, or too coarse for their updates "
    "(bfloat16 weights with a small learning rate).",
    "Look at the tensors above after one backward pass: a gradient of None is a layer outside of the graph; with a gradient, "
    "check the optimiser's groups, and keep trained weights in float32. If they should stay, freeze them.",
)


def check_weights_moved(changes: Sequence[ParameterChange]) -> Verdict:
    """Every tensor that should train has changed, every other one is as it was, and all are finite.

    Exact: no statistics. A tensor that starts at zero, such as LoRA's B (Hu et al. 2021), has no relative change; that
    it changed at all is enough. LoRA's A gets a gradient only once B has left zero, so an A that never moved tells of a B
    that never moved either, or of an adapter outside of the graph. Tensors without elements do not count.

    Args:
        changes: one a tensor, after the job.

    Returns:
        PASSED, or FAILED with the first of: silent-nan (a change or norm that is not finite),
        no-trainable-parameters (none should train; also of an empty list), frozen-weights-moved (one that should stay
        changed), no-update (one that should train has a change of exactly 0, or all of them, each for itself and
        taken together, changed by less than 1e-6 of their norm).

    Raises:
        RerankGuardError: a negative norm, change or number of elements.
    """
    _require_sane(changes)
    held = [change for change in changes if change.elements > 0]
    broken = [change for change in held if not (math.isfinite(change.change) and math.isfinite(change.norm))]
    finite = [change for change in held if math.isfinite(change.change) and math.isfinite(change.norm)]
    to_train = [change for change in held if change.should_train]
    moving = [change for change in finite if change.should_train]
    strayed = [change for change in finite if not change.should_train and change.change > 0.0]
    still = [change for change in moving if change.change == 0.0]
    together = _relative(math.hypot(*(c.change for c in moving)), math.hypot(*(c.norm for c in moving)))
    barely = bool(moving) and together < LEAST_RELATIVE_CHANGE and all(_barely(change) for change in moving)

    offenders: list[ParameterChange] = []
    fault = None
    if broken:
        fault, offenders = "silent-nan", broken
    elif not to_train:
        fault, offenders = "no-trainable-parameters", strayed
    elif strayed:
        fault, offenders = "frozen-weights-moved", sorted(strayed, key=lambda change: -change.change)
    elif still or barely:
        fault, offenders = "no-update", still or moving
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    if fault == "no-update" and len(still) < len(moving) and not barely:
        cause, next_step = _PART_UNMOVED
    figures: dict[str, Measured] = {
        "tensors_unmoved": len(still),
        "tensors_to_train": len(to_train),
        "frozen_tensors_moved": len(strayed),
        "tensors_not_finite": len(broken),
        # of tensors that all start at 0 there is no relative change
        "relative_change": together if math.isfinite(together) else None,
    }
    first = {
        "silent-nan": "tensors_not_finite",
        "no-trainable-parameters": "tensors_to_train",
        "frozen-weights-moved": "frozen_tensors_moved",
    }.get(fault or "", "tensors_unmoved" if still or not barely else "relative_change")
    return Verdict(
        check="weights_moved",
        status=Status.FAILED if fault else Status.PASSED,
        claim=f"each of {len(to_train)} tensors to train has changed, and the other {len(held) - len(to_train)} have not",
        measured={first: figures.pop(first), **figures},
        threshold={
            "tensors_unmoved": 0,
            "tensors_to_train": 1,
            "frozen_tensors_moved": 0,
            "tensors_not_finite": 0,
            "relative_change": LEAST_RELATIVE_CHANGE,
        },
        n=len(held),
        evidence=_evidence(offenders, len(held)) if fault else (),
        cause=cause,
        next_step=next_step,
        fault=fault,
    )


def _require_sane(changes: Sequence[ParameterChange]) -> None:
    for change in changes:
        for name in ("elements", "change", "norm"):
            if getattr(change, name) < 0:
                raise RerankGuardError(
                    f"tensor {change.name!r} has {name}={getattr(change, name)}; give a number from 0 on (L2 norms)."
                )


def _relative(change: float, norm: float) -> float:
    """Infinite for what starts at zero and moves."""
    if norm > 0.0:
        return change / norm
    return math.inf if change > 0.0 else 0.0


def _barely(change: ParameterChange) -> bool:
    # what starts at zero says nothing by itself; it counts in the change of all together
    return change.norm == 0.0 or change.change < LEAST_RELATIVE_CHANGE * change.norm


def _evidence(offenders: Sequence[ParameterChange], tensors: int) -> tuple[str, ...]:
    rows = (
        [f"{len(offenders)} of {tensors} tensors, such as:"]
        if offenders
        else [f"0 of {tensors} tensors should train"]
    )
    rows += [
        f"{change.name} ({change.elements:,} numbers, should {'train' if change.should_train else 'stay'}): "
        f"change {change.change:.3g}, norm before {change.norm:.3g}"
        for change in offenders[: MAX_EVIDENCE - 1]
    ]
    return tuple(rows)
