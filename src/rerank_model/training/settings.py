"""Settings of a training job, validated when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from rerank_model.backends.lora_settings import LoraSettings, at_least
from rerank_model.errors import ConfigError

__all__ = ["TrainingSettings"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """One training job.

    Attributes:
        lora: adapters to train; None trains every parameter.
        learning_rate: peak, reached after `warmup_steps` and then decayed to 0 by `schedule`.
        batch_size: examples a device and forward pass.
        gradient_accumulation: forward passes an optimiser step.
        epochs: passes over the examples; ignored when `max_steps` is set.
        max_steps: optimiser steps; None to go by epochs.
        warmup_steps: steps of linear warm-up.
        schedule: a scheduler of transformers, such as "linear" or "cosine".
        weight_decay, max_grad_norm: as in AdamW and clipping by global norm.
        seed: of adapter initialisation, data order and dropout.
        checkpoint_dir: where checkpoints go; None keeps none.
        checkpoint_every: optimiser steps between checkpoints.
        gradient_checkpointing: recompute activations to save memory; leave it off as long as memory allows.
        group_by_length: make batches of prompts of similar length where that saves 5 % of the tokens or more; False for
            an order that is random throughout.
    """

    lora: LoraSettings | None = field(default_factory=LoraSettings)
    learning_rate: float = 2e-4
    batch_size: int = 16
    gradient_accumulation: int = 1
    epochs: float = 1.0
    max_steps: int | None = None
    warmup_steps: int = 20
    schedule: str = "linear"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 0
    checkpoint_dir: Path | None = None
    checkpoint_every: int = 100
    gradient_checkpointing: bool = False
    group_by_length: bool = True

    def __post_init__(self) -> None:
        at_least("batch_size", self.batch_size, 1)
        at_least("gradient_accumulation", self.gradient_accumulation, 1)
        at_least("checkpoint_every", self.checkpoint_every, 1)
        at_least("warmup_steps", self.warmup_steps, 0)
        if self.max_steps is not None:
            at_least("max_steps", self.max_steps, 1)
        if not 0 <= self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate {self.learning_rate} must be a number from 0 on.")
        if not self.max_grad_norm > 0:
            raise ConfigError(f"max_grad_norm {self.max_grad_norm} must be above 0.")
        if not self.epochs > 0:
            raise ConfigError(f"epochs {self.epochs} must be above 0; set max_steps for a shorter job.")
