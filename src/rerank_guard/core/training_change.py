"""A change to a training job: what an injector breaks, and what a probe asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.core.types import RankingTask

__all__ = ["LossChange", "SavedAdapter", "TrainingChange"]


class LossChange(StrEnum):
    """What the loss is taken over, instead of the letter alone."""

    WHOLE_PROMPT = "whole prompt"
    LETTER_AND_END = "letter and end of sequence"
    NOT_THE_LETTER = "all but the letter"
    FLIPPED = "sign flipped"
    NEXT_LETTER = "the letter after the target's"


class SavedAdapter(StrEnum):
    """What becomes of the adapter between training and scoring."""

    WITHOUT_WEIGHTS = "saved without its weights"
    INACTIVE = "inactive after reload"
    DOUBLED = "applied twice"


@dataclass(frozen=True, slots=True)
class TrainingChange:
    """What is different about a job; every field's default changes nothing.

    Attributes:
        tasks: from the training tasks to those trained on instead.
        learning_rate_factor: multiplies the learning rate.
        steps: optimiser steps instead of the planned ones.
        warmup_steps: steps of warm-up instead of the planned ones.
        frozen: no weight is trained.
        detached: the optimiser was made for other weights than the model's (before the adapters were attached), so that its
            steps move nothing.
        skipped: the job returns without a step.
        loss: what the loss is taken over.
        nan_every: the gradient of every n-th step is NaN, and the step is silently dropped.
        ignores_settings: the plan says one thing; the job runs with another learning rate and number of steps.
        prompt: from a training task to the task that the training prompt is made of (a shorter history, say), while
            scoring goes on as before.
        saved: what becomes of the adapter afterwards.
    """

    tasks: Callable[[Sequence[RankingTask]], Sequence[RankingTask]] | None = None
    learning_rate_factor: float = 1.0
    steps: int | None = None
    warmup_steps: int | None = None
    frozen: bool = False
    detached: bool = False
    skipped: bool = False
    loss: LossChange | None = None
    nan_every: int | None = None
    ignores_settings: bool = False
    prompt: Callable[[RankingTask], RankingTask] | None = None
    saved: SavedAdapter | None = None
