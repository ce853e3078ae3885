"""Faults of how candidates are drawn: anew at each call, the same for all users, or from items that are no target item."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.faults.data import EASY_NEGATIVES, TASKS_REDRAWN
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.listed import reordered
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _drawn_anew(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    seed, calls = int(rng.integers(2**31)), count()

    def tasks() -> list[RankingTask]:
        order = np.random.default_rng([seed, next(calls)])
        return [reordered(task, order.permutation(task.n_candidates).tolist()) for task in target.tasks()]

    return Wrapped(target, tasks=tasks)


def _same_for_all(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The negatives of the first user, at every user's own positions; an item that is the user's own stays out."""
    tasks = target.tasks()
    shared = _negatives(tasks[0])
    return retasked(target, [_with_negatives(task, shared) for task in tasks])


def _never_targets(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Negatives only from the items that are no target item."""
    tasks = list(target.tasks())
    taken = {task.target_id for task in tasks}
    longest = max(task.n_candidates for task in tasks)
    pool = _listed_beside(tasks, taken)
    if (
        len(pool) < 2 * longest
    ):  # in a small catalogue every item is a target item: users of half of the items are judged
        taken = set(sorted(taken)[::2])
        tasks = [task for task in tasks if task.target_id in taken]
        pool = _listed_beside(tasks, taken)
    if len(pool) < longest:
        raise NotOfferedError("too few items of this reranker are not a target item")
    return retasked(
        target,
        [_with_negatives(task, [pool[i] for i in rng.permutation(len(pool)).tolist()]) for task in tasks],
    )


def _listed_beside(tasks: Sequence[RankingTask], taken: set[str]) -> list[Item]:
    """All listed items but these, each once."""
    return list(
        {item.item_id: item for task in tasks for item in task.candidates if item.item_id not in taken}.values()
    )


def _negatives(task: RankingTask) -> list[Item]:
    return [item for item in task.candidates if item.item_id != task.target_id]


def _with_negatives(task: RankingTask, others: Sequence[Item]) -> RankingTask:
    """The task with other negatives, as far as they are enough, and its target item where it was."""
    own = {task.target_id, *(item.item_id for item in task.history)}
    fresh = [item for item in others if item.item_id not in own]
    known = {item.item_id for item in fresh}
    fresh += [item for item in _negatives(task) if item.item_id not in known]
    given = iter(fresh)
    return replace(
        task,
        candidates=tuple(item if item.item_id == task.target_id else next(given) for item in task.candidates),
        first_stage_scores=None,
        relevance=None,
    )


D13 = Injector("D13", TASKS_REDRAWN, "tasks() draws the candidates' order anew at each call", _drawn_anew)
D16A = Injector("D16a", EASY_NEGATIVES, "every user has the same negatives", _same_for_all)
D16B = Injector("D16b", EASY_NEGATIVES, "no negative is a target item of another list", _never_targets)
