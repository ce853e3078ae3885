"""Faults of the data that the training job is run on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from rerank_guard.core.faults.data import LABEL_OFFSET, SPLIT_OVERLAP, TARGET_POSITION_SKEW
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.faults.training import NO_SIGNAL
from rerank_guard.core.target import KnowsTrainingTasks, Rebuilds, RerankTarget, Trains
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.labels import index_shifted, target_first
from rerank_guard.faults.rewritten import Rewrite, some, with_candidate

__all__ = ["other_label", "trained_on"]

_REBUILT = (Trains, Rebuilds)
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_DONORS_TRIED = 32


def trained_on(rewrite: Rewrite) -> Inject:
    """A fault in a share of the tasks that are trained on."""
    return _trained_on(lambda _: rewrite)


def _trained_on(rewriting: Callable[[Sequence[RankingTask]], Rewrite]) -> Inject:
    """The same for a rewriting that depends on all tasks.

    The fault is drawn again from the same seed at every call, so that the copy's data stay the same.
    """

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, Rebuilds)
        seed = int(rng.integers(2**31))

        def change(tasks: Sequence[RankingTask]) -> Sequence[RankingTask]:
            return some(tasks, rewriting(tasks), severity, np.random.default_rng(seed))

        return target.rebuilt(TrainingChange(tasks=change))

    return inject


def other_label(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """Another candidate, drawn at random, is called the target item."""
    if task.target_index is None:
        return None
    position = (task.target_index + int(rng.integers(1, task.n_candidates))) % task.n_candidates
    return replace(task, target_id=task.candidate_ids[position], target_index=position)


def _another_users_target(tasks: Sequence[RankingTask]) -> Rewrite:
    """In place of the target item, that of another user, whose history explains it."""
    donors = [task.candidates[task.target_index] for task in tasks if task.target_index is not None]

    def rewrite(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
        donor = _unknown_item(donors, task, rng)
        if donor is None or task.target_index is None:
            return None
        return replace(with_candidate(task, task.target_index, donor), target_id=donor.item_id)

    return rewrite


def _unknown_item(donors: Sequence[Item], task: RankingTask, rng: np.random.Generator) -> Item | None:
    """An item that is neither a candidate nor in the history; None where none was drawn."""
    known = {item.item_id for item in (*task.candidates, *task.history)}
    drawn = (donors[int(rng.integers(len(donors)))] for _ in range(_DONORS_TRIED))
    return next((item for item in drawn if item.item_id not in known), None)


def _with_test_tasks(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, Rebuilds)
    tested = target.tasks()
    chosen = rng.permutation(len(tested))[: max(1, round(severity * len(tested)))].tolist()
    return target.rebuilt(TrainingChange(tasks=lambda tasks: (*tasks, *(tested[index] for index in chosen))))


_injector = partial(Injector, retrains=True)

D5E = _injector(
    "D5e",
    TARGET_POSITION_SKEW,
    "the job is run on lists in which the target item is first",
    trained_on(target_first),
    also=(POSITION_PRIOR,),
    needs=_REBUILT,
    degrees=_SHARES,
)
D6R = _injector(
    "D6r",
    SPLIT_OVERLAP,
    "the job is run on held-out users too",
    _with_test_tasks,
    needs=(*_REBUILT, KnowsTrainingTasks),
    severity=0.3,
)
D10 = _injector(
    "D10",
    NO_SIGNAL,
    "the target items of training are permuted among users",
    _trained_on(_another_users_target),
    needs=_REBUILT,
    degrees=_SHARES,
)
D11C = _injector(
    "D11c",
    LABEL_OFFSET,
    "in training target_index is one position after that of target_id",
    trained_on(index_shifted),
    needs=_REBUILT,
    degrees=_SHARES,
)
