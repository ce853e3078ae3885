"""How a training job changed each weight."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rerank_guard.core.training_plan import ParameterChange
from rerank_model.training.settings import TrainingSettings

__all__ = ["WeightWatch", "configured_to_train"]


def configured_to_train(model: nn.Module, settings: TrainingSettings) -> frozenset[str]:
    """Names of the weights that train by the settings, whatever their requires_grad says."""
    names = [name for name, _ in model.named_parameters()]
    return frozenset(name for name in names if settings.lora is None or "lora_" in name)


class WeightWatch:
    """Keeps the weights from before a job, and reports how each has changed after it.

    Of those that should train a copy is kept, on the CPU; of the others a fingerprint alone (sum and sum of squares in
    float64), as a frozen base may be large.

    Args:
        model: before the job, with its adapters attached.
        should_train: names of the parameters that train by the configuration.
    """

    def __init__(self, model: nn.Module, should_train: frozenset[str]) -> None:
        self._should_train = should_train
        self._copies: dict[str, Tensor] = {}
        self._marks: dict[str, tuple[float, float]] = {}
        for name, weight in model.named_parameters():
            if name in should_train:
                self._copies[name] = weight.detach().float().cpu().clone()
            else:
                self._marks[name] = _fingerprint(weight)

    @torch.no_grad()
    def changes(self, model: nn.Module) -> list[ParameterChange]:
        """One a parameter, in the model's order; call it after the job."""
        found = []
        for name, weight in model.named_parameters():
            if name in self._copies:
                before = self._copies[name]
                change = float((weight.detach().float().cpu() - before).norm())
                norm = float(before.norm())
            elif name in self._marks:
                before_sum, before_square = self._marks[name]
                now_sum, now_square = _fingerprint(weight)
                change = abs(now_sum - before_sum) + abs(now_square - before_square)
                norm = math.sqrt(before_square)
            else:
                continue  # made during the job
            found.append(
                ParameterChange(
                    name=name,
                    elements=weight.numel(),
                    should_train=name in self._should_train,
                    change=change,
                    norm=norm,
                )
            )
        return found


@torch.no_grad()
def _fingerprint(weight: Tensor) -> tuple[float, float]:
    values = weight.detach().double()
    return float(values.sum()), float((values * values).sum())
