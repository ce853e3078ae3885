"""Batches whose prompts, targets or labels are not those of a healthy job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rerank_guard.core.prompts import IGNORED
from rerank_guard.core.training_change import LossChange
from rerank_guard.core.types import RankingTask
from rerank_model.training.dataset import LetterCollator, LetterExample

__all__ = ["LabelledSequences", "NextLetter", "OtherPrompts"]


@dataclass(frozen=True, slots=True)
class OtherPrompts(LetterCollator):
    """Prompts made of other tasks than those that are scored, such as tasks with a shorter history."""

    change: Callable[[RankingTask], RankingTask]

    def __call__(self, examples: Sequence[LetterExample]) -> dict[str, Tensor]:
        """Make one batch."""
        return LetterCollator.__call__(
            self, [replace(example, task=self.change(example.task)) for example in examples]
        )


@dataclass(frozen=True, slots=True)
class NextLetter(LetterCollator):
    """The letter after the target's is taught; after the last letter, the first."""

    def __call__(self, examples: Sequence[LetterExample]) -> dict[str, Tensor]:
        """Make one batch."""
        batch = LetterCollator.__call__(self, examples)
        batch["target_index"] = (batch["target_index"] + 1) % batch["n_candidates"]
        return batch


@dataclass(frozen=True, slots=True)
class LabelledSequences(LetterCollator):
    """Prompt, letter and end of sequence in one, with labels as transformers takes them: supervised fine-tuning.

    Attributes:
        letter_token_ids: in the order of positions.
        end_token_id: what follows the letter.
        loss: which of the tokens get a label.
    """

    letter_token_ids: tuple[int, ...]
    end_token_id: int
    loss: LossChange

    def __call__(self, examples: Sequence[LetterExample]) -> dict[str, Tensor]:
        """Make one batch: that of a healthy job, two columns wider, with `labels` (B, L) int64."""
        batch = LetterCollator.__call__(self, examples)
        ids, last, target = batch["input_ids"], batch["last_position"], batch["target_index"]
        rows = torch.arange(len(ids))
        whole = torch.nn.functional.pad(ids, (0, 2), value=self.pad_token_id)
        whole[rows, last + 1] = torch.tensor(self.letter_token_ids)[target]
        whole[rows, last + 2] = self.end_token_id
        position = torch.arange(whole.shape[1])[None]
        letter, end = (last + 1)[:, None], (last + 2)[:, None]
        labelled = {
            LossChange.WHOLE_PROMPT: position <= end,
            LossChange.LETTER_AND_END: (position == letter) | (position == end),
            LossChange.NOT_THE_LETTER: (position <= end) & (position != letter),
        }[self.loss]
        return {**batch, "input_ids": whole, "labels": whole.masked_fill(~labelled, IGNORED)}
