"""A `Reranker` with its data as a target that the guard can judge."""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import peft
import torch
import transformers

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.target import Progress
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.training_plan import ParameterChange, TrainingPlan
from rerank_guard.core.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.stored import RunConditions
from rerank_model.reranker import Reranker
from rerank_model.scoring.evaluate import evaluate_logits
from rerank_model.scoring.plain_forward import next_token_logits
from rerank_model.scoring.score import log_softmax
from rerank_model.targets.broken import run_broken_job, spoil_adapter
from rerank_model.targets.broken.job import collator_of, settings_of
from rerank_model.targets.conditions import run_conditions
from rerank_model.targets.shown_prompts import shown_scoring_prompts, shown_training_prompts
from rerank_model.training.settings import TrainingSettings

__all__ = ["RerankerTarget", "count_items"]

ONE_BATCH = 4
"""Examples of `train_one_batch`."""

ONE_BATCH_STEPS = 60
"""Optimiser steps on them. On the embedded default the loss then ends below 0.1 of the entropy of the examples' letters; with
eight examples and 40 steps it did not for two of 40 seeds."""


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
        sampler: how the negatives were chosen.
        split: how the held-out tasks were split off.
        new_reranker: makes another untrained reranker, for `rebuilt`; None where that is not offered.
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
        new_reranker: Callable[[], Reranker] | None = None,
    ) -> None:
        self.reranker = reranker
        self.new_reranker = new_reranker
        self.change: TrainingChange | None = None
        self._last_scores: list[FloatArray] | None = None
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
        """Run the job, to its budget or until `monitor` ends it."""
        self._last_scores = None
        if self.change is None:
            return self.reranker.fit(self.train_tasks, self.settings, progress, monitor=monitor)
        trace = run_broken_job(
            self.reranker, self.train_tasks, self.settings, self.change, progress=progress, monitor=monitor
        )
        if self.change.saved is not None:
            spoil_adapter(self.reranker, self.change.saved)
        return trace

    def train_one_batch(self, progress: Progress) -> TrainingTrace:
        """The job on one small batch, repeated, from a fresh base model.

        Raises:
            NotOfferedError: this target has no `new_reranker`.
        """
        tried = self.rebuilt(replace(self.change or TrainingChange(), tasks=None, saved=None))
        tried.train_tasks = list(self.train_tasks[:ONE_BATCH]) * ONE_BATCH_STEPS
        tried.settings = replace(
            self.settings,
            max_steps=ONE_BATCH_STEPS,
            batch_size=min(self.settings.batch_size, ONE_BATCH),
            gradient_accumulation=max(1, ONE_BATCH // self.settings.batch_size),
            warmup_steps=ONE_BATCH_STEPS // 10,
            schedule="constant_with_warmup",
            checkpoint_dir=None,
        )
        return tried.train(progress)

    def score(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """Letter logits."""
        scores = self.reranker.score_tasks(tasks, progress)
        if self._held_out(tasks):
            self._last_scores = scores
        return scores

    def score_synthetic(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """As `score`: a prompt is made from a task's texts alone."""
        return self.score(tasks, progress)

    def conditions(self) -> RunConditions:
        """Tokenizer, prompt, settings, sampler and split, for comparison with a reference run."""
        return run_conditions(
            self.reranker, self.settings, n_train=len(self.train_tasks), sampler=self.sampler, split=self.split
        )

    def predict_proba(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """The softmax of the letter logits; for the held-out tasks, of the logits of their last scoring."""
        known = self._last_scores if self._held_out(tasks) else None
        return [np.exp(log_softmax(row)) for row in (self.score(tasks, progress) if known is None else known)]

    def _held_out(self, tasks: Sequence[RankingTask]) -> bool:
        return tasks is self.test_tasks or list(tasks) == list(self.test_tasks)

    def training_tasks(self) -> Sequence[RankingTask]:
        """The examples of the job."""
        return self.train_tasks

    def scoring_prompts(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        """As the scorer gets them."""
        return shown_scoring_prompts(self.reranker, tasks)

    def training_prompts(self, tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        """As the collator makes them."""
        collator = self.reranker.collator() if self.change is None else collator_of(self.reranker, self.change)
        return shown_training_prompts(self.reranker, collator, tasks)

    def next_token_logits(self, prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        """From the model's own forward pass, one prompt at a time."""
        return next_token_logits(self.reranker.scorer.model, prompts, self.reranker.device)

    def training_plan(self) -> TrainingPlan:
        """From the settings."""
        settings = self.settings
        return TrainingPlan(
            n_examples=len(self.train_tasks),
            examples_per_step=settings.batch_size * settings.gradient_accumulation,
            epochs=None if settings.max_steps is not None else settings.epochs,
            max_steps=settings.max_steps,
            warmup_steps=settings.warmup_steps,
            learning_rate=settings.learning_rate,
        )

    def parameter_changes(self) -> Sequence[ParameterChange]:
        """Of the last job.

        Raises:
            NotOfferedError: no job has run.
        """
        if not self.reranker.weight_changes:
            raise NotOfferedError("no job of this reranker has changed its weights yet")
        return self.reranker.weight_changes

    def score_reloaded(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """Saved to a temporary folder, and loaded from there."""
        reranker = self.reranker
        with tempfile.TemporaryDirectory(prefix="rerank-model-") as folder:
            reranker.save_pretrained(folder)
            loaded = Reranker.from_pretrained(
                folder,
                backend=reranker.backend,
                device=str(reranker.device),
                dtype=next(reranker.scorer.parameters()).dtype,
                tokens_per_batch=reranker.tokens_per_batch,
                scoring_dtype=reranker.scoring_dtype,
            )
            return loaded.score_tasks(tasks)

    def score_without_adapter(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """By the base model.

        Raises:
            NotOfferedError: there is no adapter.
        """
        model = self.reranker.scorer.model
        if not isinstance(model, peft.PeftModel):
            raise NotOfferedError("this reranker has no adapter: all its weights are trained")
        with model.disable_adapter():
            return self.reranker.score_tasks(tasks)

    def reported_metrics(self) -> Mapping[str, float]:
        """Recall@K of `evaluate`, from the last scores of the held-out tasks."""
        scores = self._last_scores if self._last_scores is not None else self.score(self.test_tasks)
        evaluation = evaluate_logits(self.test_tasks, scores, self.cutoffs)
        return {f"Recall@{k}": value for k, value in evaluation.recall_at_k.items()}

    def rebuilt(self, change: TrainingChange) -> RerankerTarget:
        """The same data and seed, a fresh base model, and the job changed.

        Raises:
            NotOfferedError: this target has no `new_reranker`.
        """
        if self.new_reranker is None:
            raise NotOfferedError("this target cannot make another untrained reranker; give it `new_reranker`")
        made = copy.copy(self)
        made.reranker = self.new_reranker()
        made.change = change
        made._last_scores = None
        made.settings = settings_of(self.settings, change)
        if change.tasks is not None:
            made.train_tasks = list(change.tasks(self.train_tasks))
        return made

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
                "scored": self.reranker.why_plain or "packed",
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
