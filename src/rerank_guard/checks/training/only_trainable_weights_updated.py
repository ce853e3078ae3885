"""Did the weights that should train move, and did the others stay?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.core.check import check
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.training import (
    FROZEN_WEIGHTS_UPDATED,
    NO_TRAINABLE_PARAMETERS,
    NO_UPDATE,
    NOT_TRAINED,
    SILENT_NAN,
)
from rerank_guard.core.finding import Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.training_plan import ParameterChange
from rerank_guard.core.verdict import MAX_EVIDENCE, Measured, Status

__all__ = ["only_trainable_weights_updated"]

_NON_FINITE = "Weights are not finite numbers any more: a step with a NaN or infinite gradient was applied."
_FROZEN = "The optimiser holds the wrong parameters, or the base was not frozen before the adapter was attached."
_PART_UNMOVED = (
    "{n} of {of} tensors that should train have not moved at all, while others did: they are outside of the graph (a layer "
    "whose output is not used, an adapter that is not active), in no parameter group, or too coarse for their updates "
    "(bfloat16 weights with a small learning rate).",
    "Look at the tensors above after one backward pass: a gradient of None is a layer outside of the graph; with a gradient, "
    "check the optimiser's groups, and keep trained weights in float32. If they should stay, freeze them.",
)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """How many tensors of each fault are let pass."""

    unmoved: int
    frozen_moved: int
    not_finite: int


@dataclass(frozen=True, slots=True)
class _Changes:
    """The tensors that have elements, by what became of them.

    Attributes:
        tensors: all of them.
        least: the least relative change.
        allowed: how many of each fault are let pass.
    """

    tensors: list[ParameterChange]
    least: float
    allowed: _Allowed

    @property
    def to_train(self) -> int:
        """How many should train, those that are not finite included."""
        return sum(change.should_train for change in self.tensors)

    @property
    def broken(self) -> list[ParameterChange]:
        """Those with a change or norm that is not finite."""
        return [change for change in self.tensors if not _is_finite(change)]

    @property
    def moving(self) -> list[ParameterChange]:
        """The finite ones that should train."""
        return [change for change in self.tensors if _is_finite(change) and change.should_train]

    @property
    def frozen_moved(self) -> list[ParameterChange]:
        """The finite ones that should stay, and changed."""
        return [
            change
            for change in self.tensors
            if _is_finite(change) and not change.should_train and change.change > 0.0
        ]

    @property
    def still(self) -> list[ParameterChange]:
        """Those that should train and have a change of exactly 0."""
        return [change for change in self.moving if change.change == 0.0]

    @property
    def together(self) -> float:
        """Change of all that should train, taken together, as a share of their norm; infinite where all start at zero."""
        change = math.hypot(*(change.change for change in self.moving))
        norm = math.hypot(*(change.norm for change in self.moving))
        if norm > 0.0:
            return change / norm
        return math.inf if change > 0.0 else 0.0

    @property
    def barely(self) -> bool:
        """Whether those that should train changed by less than `least`, separately and together."""
        separately = all(_barely(change, self.least) for change in self.moving)
        return bool(self.moving) and separately and self.together < self.least


@check(
    stage=Stage.TRAINING,
    claim="the job changed all weights that it should, and no other",
    can_name=(SILENT_NAN, NO_TRAINABLE_PARAMETERS, FROZEN_WEIGHTS_UPDATED, NO_UPDATE),
    rules_out=(NOT_TRAINED, NO_TRAINABLE_PARAMETERS, NO_UPDATE, FROZEN_WEIGHTS_UPDATED),
)
def only_trainable_weights_updated(
    parameter_changes: Sequence[ParameterChange],
    *,
    least_relative_change: Share = 1e-6,
    max_unmoved: Count = 0,
    max_frozen_moved: Count = 0,
    max_not_finite: Count = 0,
) -> Finding:
    """Every tensor that should train has changed, every other one is as it was, and all are finite.

    Exact: no statistics. A tensor that starts at zero, such as LoRA's B (Hu et al. 2021), has no relative change; that
    it changed at all is enough. LoRA's A gets a gradient only once B has left zero, so an A that never moved means that
    its B never moved either, or that the adapter is outside of the graph. Tensors without elements do not count.

    Args:
        parameter_changes: one a tensor, after the job.
        least_relative_change: a job that changes its weights by less than this share of their norm has changed nothing;
            float32 resolves 1e-7.
        max_unmoved: how many tensors that should train may have a change of exactly 0.
        max_frozen_moved: how many that should stay may have changed.
        max_not_finite: how many may have a change or norm that is not finite; they then count in nothing else.

    Returns:
        PASSED, or FAILED with the first of: silent-nan (a change or norm that is not finite),
        no-trainable-parameters (none should train; also of an empty list), frozen-weights-updated (one that should stay
        changed), no-update (one that should train has a change of exactly 0, or all of them, separately and taken
        together, changed by less than `least_relative_change` of their norm).

    Raises:
        RerankGuardError: a negative norm, change or number of elements; a setting out of range.
    """
    _require_sane(parameter_changes)
    allowed = _Allowed(max_unmoved, max_frozen_moved, max_not_finite)
    with_elements = [change for change in parameter_changes if change.elements > 0]
    changes = _Changes(with_elements, least_relative_change, allowed)
    fault, offenders = _first_fault(changes)
    n, to_train = len(changes.tensors), changes.to_train
    return Finding(
        Status.PASSED if fault is None else Status.FAILED,
        claim=f"each of {to_train} tensors to train has changed, and the other {n - to_train} have not",
        measured=_figures(changes, fault),
        limits=_limits(changes),
        compared_with={} if changes.barely else {"relative_change": least_relative_change},
        n=n,
        evidence=() if fault is None else _evidence(offenders, n),
        suspects=() if fault is None else (_suspected(fault, changes),),
    )


def _require_sane(changes: Sequence[ParameterChange]) -> None:
    for change in changes:
        for name in ("elements", "change", "norm"):
            if getattr(change, name) < 0:
                raise RerankGuardError(
                    f"tensor {change.name!r} has {name}={getattr(change, name)}; give a number from 0 on (L2 norms)."
                )


def _first_fault(changes: _Changes) -> tuple[Fault | None, list[ParameterChange]]:
    """The first fault, in the order in which one hides the next, and the tensors that show it."""
    if len(changes.broken) > changes.allowed.not_finite:
        return SILENT_NAN, changes.broken
    if not changes.to_train:
        return NO_TRAINABLE_PARAMETERS, changes.frozen_moved
    if len(changes.frozen_moved) > changes.allowed.frozen_moved:
        return FROZEN_WEIGHTS_UPDATED, sorted(changes.frozen_moved, key=lambda change: -change.change)
    if len(changes.still) > changes.allowed.unmoved or changes.barely:
        return NO_UPDATE, changes.still or changes.moving
    return None, []


def _suspected(fault: Fault, changes: _Changes) -> Suspected:
    if fault is SILENT_NAN:
        return suspect(fault, _NON_FINITE)
    if fault is FROZEN_WEIGHTS_UPDATED:
        return suspect(fault, _FROZEN)
    if fault is NO_UPDATE and len(changes.still) < len(changes.moving) and not changes.barely:
        cause, fix = _PART_UNMOVED
        return suspect(fault, cause.format(n=len(changes.still), of=len(changes.moving)), fix)
    return suspect(fault)


def _figures(changes: _Changes, fault: Fault | None) -> dict[str, Measured]:
    """All figures, the one that decided first."""
    figures: dict[str, Measured] = {
        "tensors_unmoved": len(changes.still),
        "tensors_to_train": changes.to_train,
        "frozen_tensors_moved": len(changes.frozen_moved),
        "tensors_not_finite": len(changes.broken),
        # of tensors that all start at 0 there is no relative change
        "relative_change": changes.together if math.isfinite(changes.together) else None,
    }
    first = (
        "tensors_unmoved"
        if len(changes.still) > changes.allowed.unmoved or not changes.barely
        else "relative_change"
    )
    if fault is SILENT_NAN:
        first = "tensors_not_finite"
    elif fault is NO_TRAINABLE_PARAMETERS:
        first = "tensors_to_train"
    elif fault is FROZEN_WEIGHTS_UPDATED:
        first = "frozen_tensors_moved"
    return {first: figures.pop(first), **figures}


def _limits(changes: _Changes) -> tuple[Limit, ...]:
    """The relative change of all together decides only where no tensor by itself moved enough."""
    limits = (
        Limit("tensors_unmoved", "<=", changes.allowed.unmoved),
        Limit("tensors_to_train", ">=", 1),
        Limit("frozen_tensors_moved", "<=", changes.allowed.frozen_moved),
        Limit("tensors_not_finite", "<=", changes.allowed.not_finite),
    )
    return (*limits, Limit("relative_change", ">=", changes.least)) if changes.barely else limits


def _is_finite(change: ParameterChange) -> bool:
    return math.isfinite(change.change) and math.isfinite(change.norm)


def _barely(change: ParameterChange, least: float) -> bool:
    # what starts at zero says nothing by itself; it counts in the change of all together
    return change.norm == 0.0 or change.change < least * change.norm


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
