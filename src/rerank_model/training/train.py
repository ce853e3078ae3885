"""Run a training job: settings to Trainer, and the trace back."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PrinterCallback, ProgressCallback, TrainerCallback, TrainingArguments

from rerank_guard.core.target import Progress
from rerank_guard.core.types import RankingTask, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.recording.recorder import TraceRecorder
from rerank_model.backends.precision import pick_dtype
from rerank_model.errors import TrainingError
from rerank_model.scoring.scorer import LetterScorer
from rerank_model.training.dataset import LetterCollator, LetterDataset
from rerank_model.training.grouping import GroupedByLength, grouping_pays
from rerank_model.training.settings import TrainingSettings
from rerank_model.training.trainer import (
    TRACE_FILE,
    LetterTrainer,
    RecordSteps,
    ShowProgress,
    StopWhenDecided,
    count_trainable,
)

__all__ = ["planned_steps", "run_training"]


def planned_steps(n_examples: int, settings: TrainingSettings, n_processes: int = 1) -> int:
    """Optimiser steps: ceil(examples / batch / processes / accumulation) an epoch, times the epochs.

    1,635 examples / (16 x 2) in one epoch are 52 steps: 51 whole ones and a rest.
    """
    if settings.max_steps is not None:
        return settings.max_steps
    batches = math.ceil(n_examples / (settings.batch_size * n_processes))
    return math.ceil(math.ceil(batches / settings.gradient_accumulation) * settings.epochs)


def run_training(
    scorer: LetterScorer,
    collator: LetterCollator,
    tasks: Sequence[RankingTask],
    settings: TrainingSettings,
    *,
    progress: Progress | None,
    resume_from: Path | None = None,
    monitor: TrainingMonitor | None = None,
    make_trainer: Callable[..., LetterTrainer] = LetterTrainer,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingTrace:
    """Train the scorer in place, to its budget or until `monitor` ends the job.

    Args:
        scorer: with its adapters attached.
        collator: makes batches of the tasks.
        tasks: the examples.
        settings: of the job.
        progress: called after every optimiser step; None shows Trainer's own bar.
        resume_from: a checkpoint folder of an earlier run of the same job.
        monitor: ends the job once the training checks are decided.
        make_trainer: the Trainer, or one with another loss.
        callbacks: called before those that record.

    Raises:
        TrainingError: nothing to train on, a task without its target, or a checkpoint of another job.
    """
    dataset = LetterDataset(tasks)
    require_first_device(scorer.letter_token_ids.device)
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    recorder = TraceRecorder(
        planned_steps(len(dataset), settings, world_size), count_trainable(scorer), monitor=monitor
    )
    if resume_from is not None:
        recorder.load(resume_from / TRACE_FILE)
    own_callbacks = [*callbacks, RecordSteps(recorder), StopWhenDecided(recorder)]
    with tempfile.TemporaryDirectory(prefix="rerank-model-") as scratch:
        trainer = make_trainer(
            recorder=recorder,
            order=_order(collator, tasks, settings, world_size),
            model=scorer,
            args=_arguments(settings, settings.checkpoint_dir or Path(scratch), scorer, quiet=progress is not None),
            train_dataset=dataset,
            data_collator=collator,
            callbacks=own_callbacks,
        )
        if progress is not None:
            trainer.remove_callback(ProgressCallback)
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(ShowProgress(progress, recorder))
        trainer.train(resume_from_checkpoint=str(resume_from) if resume_from is not None else None)
        # accelerate leaves its autocast around forward; scores must be those of a reloaded model.
        trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
        # It restores the method as an attribute of this one object, which would look like a forward pass of its own.
        scorer.__dict__.pop("forward", None)
    return recorder.finish()


def _order(
    collator: LetterCollator, tasks: Sequence[RankingTask], settings: TrainingSettings, world_size: int
) -> GroupedByLength | None:
    """Batches of similar length where that pays; None for a random order."""
    if not settings.group_by_length or len({id(task) for task in tasks}) < len(tasks):
        return None  # grouping would put all copies of a repeated task into one batch
    lengths = [len(collator.encoder.encode_array(task.history, task.candidates)) for task in tasks]
    together = settings.batch_size * world_size
    return GroupedByLength(lengths, together, settings.seed) if grouping_pays(lengths, together) else None


def require_first_device(device: torch.device) -> None:
    """Refuse a model that Trainer would move to another card: without a launcher it trains on the first one.

    Raises:
        TrainingError: the model is on another card than Trainer's.
    """
    own = int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda" and device.index not in (None, own):
        raise TrainingError(
            f"the model is on {device}, but Trainer would train on cuda:{own}; choose the card with "
            f"CUDA_VISIBLE_DEVICES={device.index} and device='cuda'."
        )


def _arguments(settings: TrainingSettings, folder: Path, scorer: LetterScorer, *, quiet: bool) -> TrainingArguments:
    device = scorer.letter_token_ids.device
    arguments = TrainingArguments(
        output_dir=str(folder),
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps if settings.max_steps is not None else -1,
        warmup_steps=settings.warmup_steps,
        lr_scheduler_type=settings.schedule,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=pick_dtype(device) == torch.bfloat16,
        use_cpu=device.type == "cpu",
        gradient_checkpointing=settings.gradient_checkpointing,
        save_strategy="no" if settings.checkpoint_dir is None else "steps",
        save_steps=settings.checkpoint_every,
        logging_strategy="steps",
        logging_steps=1,
        disable_tqdm=quiet,
        report_to="none",
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
    )
    if "WORLD_SIZE" not in os.environ:
        # Several cards without a launcher would become DataParallel: other batches, other step counts. One card; use
        # torchrun or accelerate launch for more.
        arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments
