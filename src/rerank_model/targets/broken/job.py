"""Run a training job with one thing wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from transformers import TrainerCallback

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.target import Progress
from rerank_guard.core.training_change import LossChange, TrainingChange
from rerank_guard.core.types import RankingTask, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.recording.recorder import TraceRecorder
from rerank_model.reranker import Reranker
from rerank_model.targets.broken.batches import LabelledSequences, NextLetter, OtherPrompts
from rerank_model.targets.broken.trainers import (
    AveragedSequenceTrainer,
    FlippedTrainer,
    NanTrainer,
    SequenceTrainer,
    SkipNanSteps,
    StepsNothing,
)
from rerank_model.training.dataset import LetterCollator
from rerank_model.training.settings import TrainingSettings
from rerank_model.training.train import planned_steps, run_training
from rerank_model.training.trainer import LetterTrainer

__all__ = ["collator_of", "run_broken_job", "settings_of"]


def settings_of(settings: TrainingSettings, change: TrainingChange) -> TrainingSettings:
    """What the configuration says; a job that ignores its settings says the same as a healthy one."""
    changed = replace(settings, learning_rate=settings.learning_rate * change.learning_rate_factor)
    if change.steps is not None:
        changed = replace(changed, max_steps=change.steps)
    return changed if change.warmup_steps is None else replace(changed, warmup_steps=change.warmup_steps)


def collator_of(reranker: Reranker, change: TrainingChange) -> LetterCollator:
    """The collator of the changed job.

    Raises:
        NotOfferedError: two changes of the batch at once.
    """
    healthy = reranker.collator()
    if change.prompt is not None and change.loss is not None:
        raise NotOfferedError("the prompt and the loss cannot be changed in one job")
    if change.prompt is not None:
        return OtherPrompts(healthy.encoder, healthy.pad_token_id, change.prompt)
    if change.loss is LossChange.NEXT_LETTER:
        return NextLetter(healthy.encoder, healthy.pad_token_id)
    if change.loss is None or change.loss is LossChange.FLIPPED:
        return healthy
    end = reranker.tokenizer.eos_token_id
    return LabelledSequences(
        healthy.encoder,
        healthy.pad_token_id,
        tuple(reranker.scorer.letter_token_ids.tolist()),
        reranker.pad_token_id if end is None else int(end),
        change.loss,
    )


def run_broken_job(
    reranker: Reranker,
    tasks: Sequence[RankingTask],
    settings: TrainingSettings,
    change: TrainingChange,
    progress: Progress | None = None,
    monitor: TrainingMonitor | None = None,
) -> TrainingTrace:
    """Train `reranker` in place with `change`; `settings` are those of `settings_of`.

    Raises:
        NotOfferedError: a change that cannot be made here.
    """
    if change.skipped:
        return TraceRecorder(planned_steps(len(tasks), settings), trainable_parameters=1).finish()
    reranker.make_trainable(settings)
    if change.frozen:
        reranker.scorer.requires_grad_(False)
        # what gradient checkpointing with adapters switches on; without it torch itself would complain
        reranker.scorer.model.enable_input_require_grads()  # type: ignore[operator]
    run_with = settings
    if change.ignores_settings:
        steps = planned_steps(len(tasks), settings)
        run_with = replace(settings, learning_rate=5e-5, max_steps=max(1, steps // 2))
    return reranker.run_job(
        partial(
            run_training,
            reranker.scorer,
            collator_of(reranker, change),
            tasks,
            run_with,
            progress=progress,
            monitor=monitor,
            make_trainer=_trainer_of(change),
            callbacks=_callbacks_of(change),
        ),
        settings,
    )


def _callbacks_of(change: TrainingChange) -> list[TrainerCallback]:
    if change.detached:
        return [StepsNothing()]
    return [SkipNanSteps()] if change.nan_every is not None else []


def _trainer_of(change: TrainingChange) -> Callable[..., LetterTrainer]:
    if change.nan_every is not None:
        return partial(NanTrainer, nan_every=change.nan_every)
    if change.loss is LossChange.FLIPPED:
        return FlippedTrainer
    if change.loss is LossChange.LETTER_AND_END:
        return AveragedSequenceTrainer
    if change.loss in (LossChange.WHOLE_PROMPT, LossChange.NOT_THE_LETTER):
        return SequenceTrainer
    return LetterTrainer
