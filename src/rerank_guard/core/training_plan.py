"""What a training job is meant to do, and what it did to the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["ParameterChange", "TrainingPlan"]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training job as its configuration asks for it, known before its first step.

    Attributes:
        n_examples: training examples.
        examples_per_step: examples an optimiser step: batch size x gradient accumulation x processes.
        epochs: passes over the examples; None where `max_steps` decides.
        max_steps: optimiser steps; None where `epochs` decides.
        warmup_steps: steps until the learning rate reaches its peak.
        learning_rate: the peak.
        trainable_parameters: numbers that the optimiser will change, where that is known before the job; else None.
    """

    n_examples: int
    examples_per_step: int
    epochs: float | None
    max_steps: int | None
    warmup_steps: int
    learning_rate: float
    trainable_parameters: int | None = None

    @property
    def steps(self) -> int:
        """Optimiser steps that this amounts to, a rest of a pass counting as a step.

        1,635 examples at 32 a step in one epoch are 52 steps: 51 whole ones and a rest.
        """
        if self.max_steps is not None:
            return self.max_steps
        if self.examples_per_step < 1:
            return 0
        return math.ceil(math.ceil(self.n_examples / self.examples_per_step) * (self.epochs or 0.0))

    @property
    def examples_seen(self) -> int:
        """Examples that the job reads, counting repeats."""
        return self.steps * self.examples_per_step


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """What a job did to one weight tensor.

    Attributes:
        name: as the model calls it.
        elements: how many numbers it holds.
        should_train: whether the configuration means it to change (an adapter's weights; all of them without one).
        change: L2 norm of after minus before; NaN where a weight is not a finite number any more. Of a tensor that should
            stay as it is, any number above 0 will do.
        norm: L2 norm before the job.
    """

    name: str
    elements: int
    should_train: bool
    change: float
    norm: float
