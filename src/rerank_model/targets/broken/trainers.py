"""Trainers with a loss that is not the letter's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rerank_guard.core.prompts import IGNORED
from rerank_model.training.trainer import LetterTrainer

__all__ = [
    "AveragedSequenceTrainer",
    "FlippedTrainer",
    "NanTrainer",
    "SequenceTrainer",
    "SkipNanSteps",
    "StepsNothing",
]


class FlippedTrainer(LetterTrainer):
    """Maximises the loss."""

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """Minus the letter NLL."""
        return -super().compute_loss(model, inputs)  # type: ignore[operator]


class SequenceTrainer(LetterTrainer):
    """Cross-entropy over all labelled tokens of the sequence; records the letter's own logits nevertheless."""

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """Mean over the labelled tokens of the batch, nats."""
        scorer = self._scorer()
        causal_lm: Any = scorer.model
        logits = causal_lm(input_ids=inputs["input_ids"], use_cache=False).logits.float()
        rows = torch.arange(len(logits), device=logits.device)
        letters = logits[rows, inputs["last_position"]][:, scorer.letter_token_ids]
        loss = nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten(), ignore_index=IGNORED
        )
        self._record(letters.detach(), loss.detach(), inputs)
        return loss

    def _record(self, letters: Tensor, loss: Tensor, inputs: dict[str, Tensor]) -> None:
        del loss
        self.recorder.letters(
            letters.cpu().numpy(),
            inputs["target_index"].cpu().numpy(),
            inputs["n_candidates"].cpu().numpy(),
            inputs["example_id"].tolist(),
        )


class AveragedSequenceTrainer(SequenceTrainer):
    """Records what a Trainer logs: the batch's mean loss over all labelled tokens, as every example's own."""

    def _record(self, letters: Tensor, loss: Tensor, inputs: dict[str, Tensor]) -> None:
        self.recorder.examples(
            [float(loss)] * len(letters), inputs["n_candidates"].cpu().numpy(), inputs["example_id"].tolist()
        )


class NanTrainer(LetterTrainer):
    """The loss of every n-th step is NaN."""

    def __init__(self, *, nan_every: int, **trainer_args: Any) -> None:
        super().__init__(**trainer_args)
        self.nan_every = nan_every

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """The letter NLL, or NaN."""
        loss: Any = super().compute_loss(model, inputs)
        return loss * float("nan") if (self.state.global_step + 1) % self.nan_every == 0 else loss


class StepsNothing(TrainerCallback):
    """Drops every gradient, as where the optimiser holds other weights than the model's."""

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Before the step is taken."""
        for weight in [] if model is None else model.parameters():
            if weight.grad is not None and self.is_dropped(weight.grad):
                weight.grad = None

    def is_dropped(self, gradient: Tensor) -> bool:
        """Whether the step goes without it."""
        return True


class SkipNanSteps(StepsNothing):
    """Drops gradients that are not finite, and continues without an error."""

    def is_dropped(self, gradient: Tensor) -> bool:
        """Whether it holds a number that is not finite."""
        return not bool(torch.isfinite(gradient).all())
