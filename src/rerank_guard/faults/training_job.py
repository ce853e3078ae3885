"""Faults of the training job's own code and settings; each makes a fresh copy of the reranker, whose job runs again."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.prompts import PROMPT_SKEW
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE
from rerank_guard.core.faults.supervision import LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG
from rerank_guard.core.faults.training import (
    ANTI_LEARNING,
    CONFIG_IGNORED,
    DIVERGED,
    NO_TRAINABLE_PARAMETERS,
    NO_UPDATE,
    NOT_TRAINED,
    SILENT_NAN,
    UNDER_TRAINED,
)
from rerank_guard.core.target import (
    DeclaresTraining,
    Rebuilds,
    Reloads,
    RerankTarget,
    ShowsTrainingPrompts,
    SwitchesAdapter,
    Trains,
)
from rerank_guard.core.training_change import LossChange, SavedAdapter, TrainingChange
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.injector import Injector

__all__ = []


def _shorter_history(task: RankingTask) -> RankingTask:
    return replace(task, history=task.history[-max(1, len(task.history) // 2) :])


def _injector(id: str, fault: Fault, what: str, change: TrainingChange, *needs: type) -> Injector:
    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, Rebuilds)
        return target.rebuilt(change)

    return Injector(id, fault, what, inject, needs=(Trains, Rebuilds, *needs), retrains=True)


D11D = _injector(
    "D11d",
    LABEL_OFFSET,
    "the loss looks at the letter after that of the target item",
    TrainingChange(loss=LossChange.NEXT_LETTER),
)
T6R = _injector(
    "T6r",
    PROMPT_SKEW,
    "half of the history is shown in training",
    TrainingChange(prompt=_shorter_history),
    ShowsTrainingPrompts,
)
O1A = _injector("O1a", NO_UPDATE, "the learning rate is 0", TrainingChange(learning_rate_factor=0.0))
O1B = _injector(
    "O1b",
    NO_UPDATE,
    "the learning rate is 100,000 times too small",
    TrainingChange(learning_rate_factor=1e-5),
)
O2 = _injector(
    "O2", DIVERGED, "the learning rate is 100 times too large", TrainingChange(learning_rate_factor=100.0)
)
O3 = _injector("O3", NO_TRAINABLE_PARAMETERS, "no weight is trained", TrainingChange(frozen=True))
O4A = _injector(
    "O4a", LOSS_MASK_WRONG, "the loss includes the prompt", TrainingChange(loss=LossChange.WHOLE_PROMPT)
)
O4B = _injector(
    "O4b",
    LOSS_MASK_WRONG,
    "the loss averages the letter with the end of sequence",
    TrainingChange(loss=LossChange.LETTER_AND_END),
)
O5 = _injector(
    "O5",
    LETTER_NOT_SUPERVISED,
    "the letter itself is masked out",
    TrainingChange(loss=LossChange.NOT_THE_LETTER),
)
O6 = _injector("O6", ANTI_LEARNING, "the sign of the loss is flipped", TrainingChange(loss=LossChange.FLIPPED))
O7A = _injector("O7a", UNDER_TRAINED, "the job ends after 12 steps", TrainingChange(steps=12, warmup_steps=0))
O7B = _injector(
    "O7b",
    UNDER_TRAINED,
    "the warm-up is twice as long as the run",
    TrainingChange(steps=51, warmup_steps=102),
)
O8 = _injector("O8", SILENT_NAN, "every tenth step is NaN, and silently skipped", TrainingChange(nan_every=10))
O9A = _injector(
    "O9a",
    ADAPTER_INACTIVE,
    "the adapter was saved without its weights",
    TrainingChange(saved=SavedAdapter.WITHOUT_WEIGHTS),
    SwitchesAdapter,
)
O9B = _injector(
    "O9b",
    ADAPTER_INACTIVE,
    "the adapter is inactive after a reload",
    TrainingChange(saved=SavedAdapter.INACTIVE),
    SwitchesAdapter,
)
O9C = _injector(
    "O9c",
    ADAPTER_INACTIVE,
    "the adapter is applied twice",
    TrainingChange(saved=SavedAdapter.DOUBLED),
    Reloads,
)
O10 = _injector("O10", NOT_TRAINED, "the job returns without a step", TrainingChange(skipped=True))
O11 = _injector(
    "O11",
    CONFIG_IGNORED,
    "learning rate and steps are not those of the configuration",
    TrainingChange(ignores_settings=True),
    DeclaresTraining,
)
O13 = _injector(
    "O13",
    NO_UPDATE,
    "the optimiser was built before the adapters: its steps move nothing",
    TrainingChange(detached=True),
)
