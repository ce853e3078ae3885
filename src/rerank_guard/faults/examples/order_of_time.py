"""Training histories in another order than test histories, and training targets that were taken first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import HISTORY_ORDER_DIFFERS, TARGET_NOT_NEWEST
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_CHECK = "training_follows_time"
_USERS, _FILMS, _TAKEN = 120, 3000, 12
_Made = Callable[[RankingTask, np.random.Generator], RankingTask]


def _task(user: int, films: list[int]) -> RankingTask:
    """The last of these films taken after the others."""
    *history, target = [Item(f"film-{film}", f"Film {film}") for film in films]
    others = [Item(f"other-{place}", f"Other {place}") for place in range(9)]
    return RankingTask(f"user-{user}", tuple(history), (target, *others), target.item_id, 0)


def _judged(workbench: Workbench, change: _Made) -> Verdict:
    """Users of whom the last film is tested, and the one before it trained on."""
    rng = np.random.default_rng(0)
    taken = [rng.choice(_FILMS, size=_TAKEN, replace=False).tolist() for _ in range(_USERS)]
    test = [_task(user, films) for user, films in enumerate(taken)]
    training = [change(_task(user, films[:-1]), rng) for user, films in enumerate(taken)]
    return workbench.judged(_CHECK, Wrapped(workbench.healthy, tasks=lambda: test, training_tasks=lambda: training))


def _unchanged(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    del rng
    return task


def _shuffled(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    return replace(
        task, history=tuple(task.history[place] for place in rng.permutation(len(task.history)).tolist())
    )


def _oldest(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    del rng
    first, *rest = task.history
    newest, *others = task.candidates
    return replace(task, history=(*rest, newest), candidates=(first, *others), target_id=first.item_id)


_WHAT = "users of whom the last film is tested and the one before it trained on"

SHUFFLED = Example(
    HISTORY_ORDER_DIFFERS,
    _CHECK,
    f"{_WHAT}; the histories of training are shuffled",
    lambda workbench: _judged(workbench, _shuffled),
    lambda workbench: _judged(workbench, _unchanged),
    _WHAT,
)
OLDEST = Example(
    TARGET_NOT_NEWEST,
    _CHECK,
    f"{_WHAT}; in training the first film is the target item, and the others the history",
    lambda workbench: _judged(workbench, _oldest),
    lambda workbench: _judged(workbench, _unchanged),
    _WHAT,
)
