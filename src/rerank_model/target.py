"""A `Reranker` with its data as a target that the guard can judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import peft
import torch
import transformers

from rerank_guard.monitor import TrainingMonitor
from rerank_guard.stored import RunConditions
from rerank_guard.target import Progress
from rerank_guard.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace
from rerank_model.conditions import run_conditions
from rerank_model.config import TrainingSettings
from rerank_model.reranker import Reranker
from rerank_model.score import log_softmax

__all__ = ["RerankerTarget", "count_items"]


class RerankerTarget:
    """Trains a reranker on some tasks and is judged on others.

    Args:
        reranker: the model, not yet trained.
        name: what the report calls it.
        dataset: what the report says of the data; name the sampler of the negatives.
        train_tasks: examples of the training job, each with its target.
        test_tasks: held-out tasks.
        settings: of the training job.
        item_popularity: item_id to count in the training data.
        cutoffs: the K of Recall@K.
        sampler: how the candidates beside the target were chosen.
        split: which interactions are judged on.
    """

    def __init__(
        self,
        reranker: Reranker,
        *,
        name: str,
        dataset: str,
        train_tasks: Sequence[RankingTask],
        test_tasks: Sequence[RankingTask],
        settings: TrainingSettings,
        item_popularity: Mapping[str, int],
        cutoffs: tuple[int, ...],
        sampler: str,
        split: str,
    ) -> None:
        self.reranker = reranker
        self.name = name
        self.dataset = dataset
        self.train_tasks = train_tasks
        self.test_tasks = test_tasks
        self.settings = settings
        self.popularity = item_popularity
        self.cutoffs = cutoffs
        self.sampler = sampler
        self.split = split

    def tasks(self) -> Sequence[RankingTask]:
        """The held-out tasks."""
        return self.test_tasks

    def train(self, progress: Progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
        """Run the job, to its budget or until `monitor` has seen enough."""
        return self.reranker.fit(self.train_tasks, self.settings, progress, monitor=monitor)

    def score(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """Letter logits."""
        return self.reranker.score_tasks(tasks, progress)

    def score_made_up(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """As `score`: a prompt is made from a task's texts alone."""
        return self.score(tasks, progress)

    def conditions(self) -> RunConditions:
        """Tokenizer, prompt, settings, sampler and split, for comparison with a stored run."""
        return run_conditions(
            self.reranker, self.settings, n_train=len(self.train_tasks), sampler=self.sampler, split=self.split
        )

    def predict_proba(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """The softmax of the letter logits."""
        return [np.exp(log_softmax(row)) for row in self.score(tasks, progress)]

    def letter_table(self) -> LetterTable:
        """The letters in context."""
        return self.reranker.letter_table()

    def item_popularity(self) -> Mapping[str, int]:
        """Counts in the training data."""
        return self.popularity

    def describe(self) -> TargetDescription:
        """Data, device, versions and hyperparameters."""
        device = self.reranker.device
        settings = self.settings
        return TargetDescription(
            dataset=self.dataset,
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            versions={module.__name__: str(module.__version__) for module in (torch, transformers, peft)},
            details={
                "base": self.reranker.base_name,
                "backend": self.reranker.backend,
                "dtype": str(next(self.reranker.scorer.parameters()).dtype).removeprefix("torch."),
                "train_examples": len(self.train_tasks),
                "learning_rate": settings.learning_rate,
                "batch_size": settings.batch_size * settings.gradient_accumulation,
                "lora_rank": settings.lora.rank if settings.lora else 0,
                "seed": settings.seed,
            },
        )


def count_items(tasks: Sequence[RankingTask]) -> dict[str, int]:
    """How often each item was taken in training: as a history item or a target."""
    counts: Counter[str] = Counter()
    for task in tasks:
        counts.update(item.item_id for item in task.history)
        counts[task.target_id] += 1
    return dict(counts)
