"""Faults of the split: who is tested, who is trained on, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import SPLIT_OVERLAP, SURVIVORSHIP, TEMPORAL_LEAK
from rerank_guard.core.target import DeclaresPopulation, KnowsTimes, KnowsTrainingTasks, RerankTarget
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _test_in_training(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, KnowsTrainingTasks)
    tasks = target.tasks()
    chosen = rng.permutation(len(tasks))[: max(1, round(severity * len(tasks)))]
    both = (*target.training_tasks(), *(tasks[index] for index in chosen.tolist()))
    return Wrapped(target, training_tasks=lambda: both)


def _trained_on_future(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Interactions of tested users, dated after their test, are among those trained on."""
    assert isinstance(target, KnowsTimes)
    times = target.split_times()
    users, when = list(times.test_users), np.asarray(times.test_times, dtype=np.float64)
    chosen = rng.permutation(len(users))[: max(1, round(severity * len(users)))].tolist()
    latest = float(when.max()) + 1.0
    later = replace(
        times,
        train_users=[*times.train_users, *(users[index] for index in chosen)],
        train_times=[*map(float, times.train_times), *(latest for _ in chosen)],
    )
    return Wrapped(target, split_times=lambda: later)


def _users_lost(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    tasks = list(target.tasks())
    kept = np.sort(rng.permutation(len(tasks))[: max(1, round((1.0 - severity) * len(tasks)))])
    return retasked(target, [tasks[index] for index in kept.tolist()])


D6 = Injector(
    "D6",
    SPLIT_OVERLAP,
    "held-out users with their target items are among the training data",
    _test_in_training,
    needs=(KnowsTrainingTasks,),
    severity=0.3,
)
D7 = Injector(
    "D7",
    TEMPORAL_LEAK,
    "interactions after the test are trained on",
    _trained_on_future,
    needs=(KnowsTimes,),
    severity=0.2,
)
D12A = Injector(
    "D12a",
    SURVIVORSHIP,
    "users whose target item was not retrieved are silently dropped",
    _users_lost,
    needs=(DeclaresPopulation,),
    severity=0.2,
)
