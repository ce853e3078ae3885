"""Changes after which a healthy reranker is still healthy: no check may fail because of them."""

# ruff: noqa: ARG001, ARG005  (the functions have the signature of `apply`, whether they draw anything or not)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rerank_guard.core.target import KnowsItemTimes, KnowsPopularity, RerankTarget
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.listed import reordered
from rerank_guard.faults.rescored import rescored
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.translated import translated
from rerank_guard.faults.wrapped import Wrapped

__all__ = ["Equivalent", "all_equivalents"]

_MARK = "renamed "


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change after which a healthy reranker is still healthy.

    Attributes:
        name: names it.
        what: what is changed, in one line.
        apply: from a reranker to the changed one; the given one is not changed.
    """

    name: str
    what: str
    apply: Callable[[RerankTarget, np.random.Generator], RerankTarget]


def all_equivalents() -> tuple[Equivalent, ...]:
    """Those that wrap any reranker; another seed, batch size or precision only the reranker itself can make."""
    return (
        Equivalent("candidates-reshuffled", "the candidates are listed in another order", _candidates_reordered),
        Equivalent("items-renamed", "every item has another id", _items_renamed),
        Equivalent("queries-renamed", "every query has another id", _queries_renamed),
        Equivalent("scores-scaled", "each score is 3 times itself plus 7", _scaled),
        Equivalent("users-reordered", "the users come in another order", _users_reordered),
    )


def _candidates_reordered(target: RerankTarget, rng: np.random.Generator) -> RerankTarget:
    return retasked(
        target, [reordered(task, rng.permutation(task.n_candidates).tolist()) for task in target.tasks()]
    )


def _users_reordered(target: RerankTarget, rng: np.random.Generator) -> RerankTarget:
    tasks = target.tasks()
    return retasked(target, [tasks[index] for index in rng.permutation(len(tasks)).tolist()])


def _scaled(target: RerankTarget, rng: np.random.Generator) -> RerankTarget:
    """Probabilities stay what they were."""
    scaled = rescored(target, lambda tasks, rows: [3.0 * row + 7.0 for row in rows])
    kept = {"predict_proba": target.predict_proba} if hasattr(target, "predict_proba") else {}
    return Wrapped(scaled, **kept)


def _items_renamed(target: RerankTarget, rng: np.random.Generator) -> RerankTarget:
    """Every id is marked where it is shown, and has no mark where the reranker is asked about it."""

    def outward(task: RankingTask) -> RankingTask:
        return _with_ids(task, lambda item_id: _MARK + item_id)

    def inward(task: RankingTask) -> RankingTask:
        return _with_ids(task, lambda item_id: item_id.removeprefix(_MARK))

    keyed: dict[str, Any] = {}
    if isinstance(target, KnowsPopularity):
        keyed["item_popularity"] = lambda: _marked(target.item_popularity())
    if isinstance(target, KnowsItemTimes):
        keyed["item_times"] = lambda: {kind: _marked(times) for kind, times in target.item_times().items()}
    return translated(target, outward, inward, **keyed)


def _queries_renamed(target: RerankTarget, rng: np.random.Generator) -> RerankTarget:
    def outward(task: RankingTask) -> RankingTask:
        return replace(task, query_id=_MARK + task.query_id)

    def inward(task: RankingTask) -> RankingTask:
        return replace(task, query_id=task.query_id.removeprefix(_MARK))

    return translated(target, outward, inward)


def _with_ids(task: RankingTask, rename: Callable[[str], str]) -> RankingTask:
    def renamed(item: Item) -> Item:
        return Item(rename(item.item_id), item.text)

    return replace(
        task,
        history=tuple(map(renamed, task.history)),
        candidates=tuple(map(renamed, task.candidates)),
        target_id=rename(task.target_id),
    )


def _marked(values: Any) -> dict[str, Any]:
    return {_MARK + item_id: value for item_id, value in values.items()}
