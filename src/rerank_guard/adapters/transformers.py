"""Any transformers causal LM that ranks by letter tokens, as a target: your prompt, your letters, your ids.

The forward pass is deliberately plain (one prompt at a time, no padding, no cache), so that it serves as the reference
for whatever batching the reranker does in production.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from rerank_guard.core.errors import TargetError
from rerank_guard.core.target import Progress
from rerank_guard.core.types import (
    FloatArray,
    LetterTable,
    LetterToken,
    RankingTask,
    TargetDescription,
    TrainingTrace,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["LetterRerankerTarget", "TrainableLetterRerankerTarget"]

BuildPrompt = Callable[[RankingTask], str]


class LetterRerankerTarget:
    """A trained letter reranker.

    Args:
        model: a causal LM, or a peft model around one; scored in eval mode.
        tokenizer: its tokenizer.
        tasks: the held-out tasks.
        build_prompt: a task to the whole prompt text, up to where the letter goes, exactly as in training.
        letters: labels in the order of the positions.
        letter_token_ids: the ids that *your* scoring reads, in the order of the positions; None for the ids that the letters have
            in context, which is what they should be.
        name: what the report calls it.
        dataset: what the report says of the data.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        tasks: Sequence[RankingTask],
        build_prompt: BuildPrompt,
        *,
        letters: Sequence[str],
        letter_token_ids: Sequence[int] | None = None,
        name: str = "letter reranker",
        dataset: str = "not described",
    ) -> None:
        if not tasks:
            raise TargetError("there are no tasks to judge on; pass the held-out tasks.")
        if letter_token_ids is not None and len(letter_token_ids) != len(letters):
            raise TargetError(
                f"{len(letters)} letters but {len(letter_token_ids)} letter_token_ids; give one id a letter."
            )
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.dataset = dataset
        self._tasks = tuple(tasks)
        self._build_prompt = build_prompt
        self._letters = tuple(letters)
        self._declared = None if letter_token_ids is None else tuple(letter_token_ids)

    def tasks(self) -> Sequence[RankingTask]:
        """The held-out tasks."""
        return self._tasks

    def letter_table(self) -> LetterTable:
        """The letters as the tokenizer sees them behind the first task's prompt, and the ids that are read."""
        text = self._build_prompt(self._tasks[0])
        prompt = self._encode(text)
        entries = []
        for position, letter in enumerate(self._letters):
            together = self._encode(text + letter)
            same = 0
            while same < min(len(prompt), len(together)) and prompt[same] == together[same]:
                same += 1
            own = tuple(together[same:])
            clean = same == len(prompt) and len(own) == 1
            read = self._declared[position] if self._declared is not None else own[0] if clean else None
            entries.append(LetterToken(letter, own, read))
        return LetterTable(tuple(entries), self.tokenizer.unk_token_id)

    def score(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """Letter logits (N,) of each task, at the last token of its prompt.

        Raises:
            TargetError: a letter in use has no token id to read, or there are more candidates than letters.
        """
        ids = [entry.scored_token_id for entry in self.letter_table().letters]
        was_training = self.model.training
        self.model.train(False)
        rows = []
        with torch.inference_mode():
            for index, task in enumerate(tasks):
                used = ids[: task.n_candidates]
                if len(used) < task.n_candidates or None in used:
                    raise TargetError(
                        f"query {task.query_id!r} has {task.n_candidates} candidates, but only "
                        f"{sum(token is not None for token in used)} letters have a single token id; see the verdict "
                        "of letter_tokens_found."
                    )
                prompt = torch.tensor([self._encode(self._build_prompt(task))], device=self.model.device)
                logits = self.model(input_ids=prompt, use_cache=False).logits[0, -1]
                rows.append(np.asarray(logits[torch.tensor(used)].double().cpu().numpy(), dtype=np.float64))
                if progress is not None:
                    progress(index + 1, len(tasks))
        self.model.train(was_training)
        return rows

    def score_synthetic(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """As `score`: the prompt is made from the task."""
        return self.score(tasks, progress)

    def predict_proba(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """The softmax of the letter logits, restricted to the letters in use."""
        rows = []
        for logits in self.score(tasks, progress):
            weights = np.exp(logits - logits.max())
            rows.append(weights / weights.sum())
        return rows

    def describe(self) -> TargetDescription:
        """Device and versions."""
        import transformers

        return TargetDescription(
            dataset=self.dataset,
            device=str(self.model.device),
            versions={"torch": torch.__version__, "transformers": transformers.__version__},
            details={"model": type(self.model).__name__},
        )

    def _encode(self, text: str) -> list[int]:
        # A chat template writes its own special tokens into the text; a plain prompt gets the tokenizer's.
        special = self.tokenizer.chat_template is None
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])


class TrainableLetterRerankerTarget(LetterRerankerTarget):
    """The same with a training job.

    Args:
        train: runs the job on the model it was given and returns the trace (see `rerank_guard.recording.recorder`).
        args, kwargs: as `LetterRerankerTarget`.
    """

    def __init__(self, *args: object, train: Callable[[Progress], TrainingTrace], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._train = train

    def train(self, progress: Progress) -> TrainingTrace:
        """Run the job."""
        return self._train(progress)
