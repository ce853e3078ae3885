"""Faults of the training job; each makes a fresh copy of the target, whose job runs anew."""

# ruff: noqa: ARG001, ARG005  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.faults.data import moved_to, some
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.target import (
    DeclaresTraining,
    KnowsTrainingTasks,
    Rebuilds,
    Reloads,
    RerankTarget,
    ShowsTrainingPrompts,
    SwitchesAdapter,
    Trains,
)
from rerank_guard.training_change import LossChange, SavedAdapter, TrainingChange
from rerank_guard.types import RankingTask

__all__ = ["TRAINING_FAULTS", "noisy_labels"]

_REBUILT = (Trains, Rebuilds)
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

Retask = Callable[[Sequence[RankingTask], float, np.random.Generator], Sequence[RankingTask]]


def _changed(change: TrainingChange) -> Inject:
    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, Rebuilds)
        return target.rebuilt(change)

    return inject


def _trained_on(retask: Retask) -> Inject:
    """Other training tasks; drawn anew from the same seed at every call, so that the copy's data stay the same."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, Rebuilds)
        seed = int(rng.integers(2**31))
        return target.rebuilt(
            TrainingChange(tasks=lambda tasks: retask(tasks, severity, np.random.default_rng(seed)))
        )

    return inject


def _permuted_targets(
    tasks: Sequence[RankingTask], share: float, rng: np.random.Generator
) -> Sequence[RankingTask]:
    """In the target's place stands that of another user, who took it for reasons of their own."""
    donors = [task.candidates[task.target_index] for task in tasks if task.target_index is not None]

    def rewrite(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
        known = {item.item_id for item in (*task.candidates, *task.history)}
        for _ in range(32):
            donor = donors[int(rng.integers(len(donors)))]
            if donor.item_id not in known and task.target_index is not None:
                candidates = list(task.candidates)
                candidates[task.target_index] = donor
                return replace(task, candidates=tuple(candidates), target_id=donor.item_id)
        return None

    return some(tasks, rewrite, share, rng)


def noisy_labels(tasks: Sequence[RankingTask], share: float, rng: np.random.Generator) -> Sequence[RankingTask]:
    """Another candidate, drawn at random, is called the target."""

    def rewrite(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
        if task.target_index is None:
            return None
        slot = (task.target_index + int(rng.integers(1, task.n_candidates))) % task.n_candidates
        return replace(task, target_id=task.candidate_ids[slot], target_index=slot)

    return some(tasks, rewrite, share, rng)


def _first(tasks: Sequence[RankingTask], share: float, rng: np.random.Generator) -> Sequence[RankingTask]:
    return some(
        tasks, lambda task, rng: moved_to(task, 0) if task.target_id in task.candidate_ids else None, share, rng
    )


def _index_shifted(tasks: Sequence[RankingTask], share: float, rng: np.random.Generator) -> Sequence[RankingTask]:
    def rewrite(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
        if task.target_index is None:
            return None
        return replace(task, target_index=(task.target_index + 1) % task.n_candidates)

    return some(tasks, rewrite, share, rng)


def _with_test(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, Rebuilds)
    held_out = target.tasks()
    chosen = rng.permutation(len(held_out))[: max(1, round(severity * len(held_out)))].tolist()
    return target.rebuilt(TrainingChange(tasks=lambda tasks: (*tasks, *(held_out[index] for index in chosen))))


def _shorter_history(task: RankingTask) -> RankingTask:
    return replace(task, history=task.history[-max(1, len(task.history) // 2) :])


def _fault(
    zoo_id: str,
    name: str,
    what: str,
    change: TrainingChange | Inject,
    *needs: type,
    also: frozenset[str] = frozenset(),
    **more: object,
) -> Fault:
    inject = _changed(change) if isinstance(change, TrainingChange) else change
    return Fault(
        zoo_id,
        name,
        what,
        FaultStage.TRAINING,
        inject,
        also=also,
        needs=(*_REBUILT, *needs),
        retrains=True,
        **more,  # type: ignore[arg-type]
    )


TRAINING_FAULTS = (
    _fault(
        "D5e",
        "gt-position-skew",
        "the job is run on lists in which the target stands first",
        _trained_on(_first),
        also=frozenset({"position-prior"}),
        degrees=_SHARES,
    ),
    _fault(
        "D6r",
        "split-overlap",
        "the job is run on held-out users too",
        _with_test,
        KnowsTrainingTasks,
        severity=0.3,
    ),
    _fault(
        "D10",
        "no-signal",
        "the training targets are permuted among users",
        _trained_on(_permuted_targets),
        degrees=_SHARES,
    ),
    _fault(
        "D11c",
        "label-offset",
        "in training target_index is one slot behind",
        _trained_on(_index_shifted),
        degrees=_SHARES,
    ),
    _fault(
        "D11d",
        "label-offset",
        "the loss looks at the letter after the target's",
        TrainingChange(loss=LossChange.NEXT_LETTER),
    ),
    _fault(
        "T6r",
        "prompt-skew",
        "half of the history is shown in training",
        TrainingChange(prompt=_shorter_history),
        ShowsTrainingPrompts,
    ),
    _fault("O1a", "no-update", "the learning rate is 0", TrainingChange(learning_rate_factor=0.0)),
    _fault(
        "O1b",
        "no-update",
        "the learning rate is 100,000 times too small",
        TrainingChange(learning_rate_factor=1e-5),
    ),
    _fault(
        "O2", "diverged", "the learning rate is 100 times too large", TrainingChange(learning_rate_factor=100.0)
    ),
    _fault("O3", "no-trainable-parameters", "no weight is trained", TrainingChange(frozen=True)),
    _fault("O4a", "loss-mask-wrong", "the loss includes the prompt", TrainingChange(loss=LossChange.WHOLE_PROMPT)),
    _fault(
        "O4b",
        "loss-mask-wrong",
        "the loss averages the letter with the end of sequence",
        TrainingChange(loss=LossChange.LETTER_AND_END),
    ),
    _fault(
        "O5",
        "letter-not-supervised",
        "the letter itself is masked out",
        TrainingChange(loss=LossChange.NOT_THE_LETTER),
    ),
    _fault("O6", "anti-learning", "the sign of the loss is flipped", TrainingChange(loss=LossChange.FLIPPED)),
    _fault("O7a", "under-trained", "the job ends after 12 steps", TrainingChange(steps=12, warmup_steps=0)),
    _fault(
        "O7b",
        "under-trained",
        "the warm-up is twice as long as the run",
        TrainingChange(steps=51, warmup_steps=102),
    ),
    _fault("O8", "silent-nan", "every tenth step is NaN, and skipped in silence", TrainingChange(nan_every=10)),
    _fault(
        "O9a",
        "adapter-inactive",
        "the adapter was saved without its weights",
        TrainingChange(saved=SavedAdapter.WITHOUT_WEIGHTS),
        SwitchesAdapter,
    ),
    _fault(
        "O9b",
        "adapter-inactive",
        "the adapter is inactive after a reload",
        TrainingChange(saved=SavedAdapter.INACTIVE),
        SwitchesAdapter,
    ),
    _fault(
        "O9c",
        "adapter-inactive",
        "the adapter is applied twice",
        TrainingChange(saved=SavedAdapter.DOUBLED),
        Reloads,
    ),
    _fault("O10", "not-trained", "the job returns without a step", TrainingChange(skipped=True)),
    _fault(
        "O11",
        "config-ignored",
        "learning rate and steps are not those of the configuration",
        TrainingChange(ignores_settings=True),
        DeclaresTraining,
    ),
)
"""Those that run a training job of their own."""
