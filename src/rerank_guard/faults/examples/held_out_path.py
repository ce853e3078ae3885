"""What the job learned does not arrive in the held-out scores: other texts there, or another checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.faults.quality import LOST_AFTER_TRAINING
from rerank_guard.core.faults.saved_model import STALE_CHECKPOINT
from rerank_guard.core.target import Rebuilds, RerankTarget, Trains
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_CHECK = "generalizes_to_held_out"
_EARLY_STEP = 1


def _joined_wrongly(workbench: Workbench) -> Verdict:
    """Each item's title is another item's in the held-out lists; the training tasks have the right ones."""
    tasks = workbench.healthy.tasks()
    items = {item.item_id: item for task in tasks for item in (*task.history, *task.candidates)}
    ids = sorted(items)
    other = dict(zip(ids, np.random.default_rng(0).permutation(ids).tolist(), strict=True))

    def shown(item: Item) -> Item:
        return Item(item.item_id, items[other[item.item_id]].text)

    def rejoined(task: RankingTask) -> RankingTask:
        return replace(task, candidates=tuple(map(shown, task.candidates)))

    return workbench.judged(_CHECK, retasked(workbench.healthy, [rejoined(task) for task in tasks]))


def _early(workbench: Workbench) -> RerankTarget:
    """The reranker with its whole job recorded, whose weights are those of an early step."""
    healthy = workbench.healthy
    assert isinstance(healthy, Trains)
    assert isinstance(healthy, Rebuilds)
    early = healthy.rebuilt(TrainingChange(steps=_EARLY_STEP))
    assert isinstance(early, Trains)
    early.train(_quiet)
    kept = ("train", "train_one_batch", "training_plan", "parameter_changes", "conditions")
    return Wrapped(early, **{name: getattr(healthy, name) for name in kept})


def _quiet(done: int, total: int, note: str = "") -> None:
    """No progress is shown of a job of one step."""


def _early_judged(workbench: Workbench) -> Verdict:
    return workbench.judged(_CHECK, _early(workbench))


def _early_diagnosed(workbench: Workbench) -> Diagnosis | None:
    return workbench.report(_early(workbench)).diagnosis


TITLES_JOINED_WRONGLY = Example(
    LOST_AFTER_TRAINING,
    _CHECK,
    "the titles of the held-out candidates are joined to the wrong items; those trained on are right",
    _joined_wrongly,
)
EARLY_CHECKPOINT = Example(
    STALE_CHECKPOINT,
    _CHECK,
    "the checkpoint of the first step is scored; the job ran to its end",
    _early_judged,
    diagnosis=_early_diagnosed,
)
