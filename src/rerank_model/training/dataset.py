"""Training examples and their batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from rerank_guard.core.types import RankingTask
from rerank_model.errors import TrainingError
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.scoring.scorer import pad_prompts

__all__ = ["LetterCollator", "LetterDataset", "LetterExample", "require_targets"]


@dataclass(frozen=True, slots=True)
class LetterExample:
    """A task with its index in the data set, by which the trace knows a first pass from a later one."""

    example_id: int
    task: RankingTask


class LetterDataset(Dataset[LetterExample]):
    """Tasks as a map-style data set; prompts are encoded when a batch is made."""

    def __init__(self, tasks: Sequence[RankingTask]) -> None:
        require_targets(tasks)
        self.tasks = tasks

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, index: int) -> LetterExample:
        return LetterExample(index, self.tasks[index])


@dataclass(frozen=True, slots=True)
class LetterCollator:
    """Encodes and right-pads a batch: `pad_prompts` plus `target_index` and `example_id`, both (B,) int64."""

    encoder: PromptEncoder
    pad_token_id: int

    def __call__(self, examples: Sequence[LetterExample]) -> dict[str, Tensor]:
        """Make one batch."""
        tasks = [example.task for example in examples]
        prompts = [self.encoder.encode_array(task.history, task.candidates) for task in tasks]
        batch = pad_prompts(prompts, [task.n_candidates for task in tasks], self.pad_token_id)
        batch["target_index"] = torch.tensor([task.target_index for task in tasks])
        batch["example_id"] = torch.tensor([example.example_id for example in examples])
        return batch


def require_targets(tasks: Sequence[RankingTask]) -> None:
    """Refuse examples that have nothing to learn from.

    Raises:
        TrainingError: no tasks, or tasks whose target is missing from the candidates or at another position.
    """
    if not tasks:
        raise TrainingError("there are no training tasks; check the data split and the minimum history length.")
    for task in tasks:
        index = task.target_index
        if index is None or not 0 <= index < task.n_candidates or task.candidates[index].item_id != task.target_id:
            raise TrainingError(
                f"training task {task.query_id!r}: target {task.target_id!r} is not at position {index} of its "
                f"{task.n_candidates} candidates; leave such tasks out of training, or fix the candidate lists."
            )
