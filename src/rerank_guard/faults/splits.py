"""Faults of the split: who is tested, who is trained on, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import SPLIT_OVERLAP, SURVIVORSHIP, TEMPORAL_LEAK, TRAIN_TEST_MISMATCH
from rerank_guard.core.target import DeclaresPopulation, KnowsLetters, KnowsTimes, KnowsTrainingTasks, RerankTarget
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.listed import reordered
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _test_in_training(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, KnowsTrainingTasks)
    tasks = target.tasks()
    chosen = rng.permutation(len(tasks))[: max(1, round(severity * len(tasks)))]
    both = (*target.training_tasks(), *(tasks[index] for index in chosen.tolist()))
    return Wrapped(target, training_tasks=lambda: both)


def _test_renamed_in_training(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Held-out examples are trained on under other ids, with the oldest item of their history cut off."""
    assert isinstance(target, KnowsTrainingTasks)
    tasks = target.tasks()
    chosen = rng.permutation(len(tasks))[: max(1, round(severity * len(tasks)))].tolist()
    renamed = (
        replace(tasks[index], query_id=f"example-{10**6 + index}", history=tasks[index].history[1:])
        for index in chosen
    )
    both = (*target.training_tasks(), *renamed)
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


def _shorter_lists(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """A share of the held-out lists lose negatives until they are shorter than every training list, by up to a quarter."""
    assert isinstance(target, KnowsTrainingTasks)
    least = min(task.n_candidates for task in target.training_tasks())
    if least < 4:
        raise NotImplementedError(f"the shortest training list has {least} candidates, which leaves nothing to cut")
    tasks = [
        _cut_to(task, least - 1 - int(rng.integers(least // 4)), rng) if rng.random() < severity else task
        for task in target.tasks()
    ]
    return retasked(target, tasks)


def _cut_to(task: RankingTask, n: int, rng: np.random.Generator) -> RankingTask:
    """The task with n of its candidates, the target item among them where it is listed, in the order of the list."""
    kept = {place for place, item in enumerate(task.candidates) if item.item_id == task.target_id}
    others = [place for place in rng.permutation(task.n_candidates).tolist() if place not in kept]
    return reordered(task, sorted([*kept, *others[: n - len(kept)]]))


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
D14 = Injector(
    "D14",
    SPLIT_OVERLAP,
    "held-out examples are trained on under other ids, with a history shorter by one",
    _test_renamed_in_training,
    needs=(KnowsTrainingTasks,),
    severity=0.5,
    degrees=(0.1, 0.25, 0.5, 1.0),
)
D12A = Injector(
    "D12a",
    SURVIVORSHIP,
    "users whose target item was not retrieved are silently dropped",
    _users_lost,
    needs=(DeclaresPopulation,),
    severity=0.2,
)
D15 = Injector(
    "D15",
    TRAIN_TEST_MISMATCH,
    "held-out lists are shorter than every training list",
    _shorter_lists,
    needs=(KnowsTrainingTasks, KnowsLetters),
)
