"""Faults that are seen only in comparison with another ranking: a cheaper one, or that of an earlier run."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.quality import BASELINE_NOT_BEATEN, REGRESSION, SLOWER
from rerank_guard.core.target import KnowsItemTimes, KnowsPopularity, Progress, Rebuilds, RerankTarget, Trains
from rerank_guard.core.types import FloatArray, Item, RankingTask
from rerank_guard.faults.digest import digest
from rerank_guard.faults.figures import target_position, target_positions
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.modelled import modelled
from rerank_guard.faults.rescored import as_logits
from rerank_guard.faults.rewritten import retasked
from rerank_guard.faults.training_data import other_label, trained_on
from rerank_guard.faults.translated import translated
from rerank_guard.faults.wrapped import Wrapped, ask

__all__ = []

_POPULAR = "popular "
"""Begins the new ids of the target items."""

_POPULAR_NEGATIVES = 0.1
"""Share of the negatives that are popular."""

_SLOWER = 0.43
"""Seconds more for each second: throughput falls by 30 %."""


def _weakened(target: RerankTarget, severity: float) -> Wrapped:
    """A model that is unsure: better than chance, and worse than a good first stage. Noise by user and item."""

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        rows = [as_logits(np.asarray(row, dtype=np.float64)) for row in ask(target.score, tasks, progress)]
        return [row + severity * float(np.ptp(row)) * _noise(task) for task, row in zip(tasks, rows, strict=True)]

    return modelled(target, score)


def _noise(task: RankingTask) -> FloatArray:
    """(N,) uniform in [-0.5, 0.5], the same for a user and item wherever it is listed."""
    user = task.query_id.split(",")[0]
    return np.array([digest(f"{user} {item_id}") for item_id in task.candidate_ids]) - 0.5


def _popularity_better(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """What was taken next is what is taken most: the target items are popular, the same items as negatives are not."""
    assert isinstance(target, KnowsPopularity)

    def outward(task: RankingTask) -> RankingTask:
        position = target_position(task)
        if position is None:
            return task
        # the model reads the text, as before
        renamed = [
            Item(_POPULAR + item.item_id, item.text) if at == position or is_popular(task, item) else item
            for at, item in enumerate(task.candidates)
        ]
        return replace(task, candidates=tuple(renamed), target_id=_POPULAR + task.target_id)

    def is_popular(task: RankingTask, item: Item) -> bool:
        """Some negatives are popular too; else target items could be recognised as those that are never negatives."""
        return item.item_id in targets and digest(f"{task.query_id} {item.item_id}") < _POPULAR_NEGATIVES

    def inward(task: RankingTask) -> RankingTask:
        return replace(
            task,
            candidates=tuple(Item(item.item_id.removeprefix(_POPULAR), item.text) for item in task.candidates),
            target_id=task.target_id.removeprefix(_POPULAR),
        )

    counts = target.item_popularity()
    most = max(counts.values(), default=0) + 1
    targets = {task.target_id for task in target.tasks()}
    popular = {_POPULAR + item_id: most + counts.get(item_id, 0) for item_id in targets}
    times = target.item_times() if isinstance(target, KnowsItemTimes) else {}
    # as old as they were, so that their popularity alone ranks them
    dated = {
        kind: {**of, **{_POPULAR + item_id: of[item_id] for item_id in targets if item_id in of}}
        for kind, of in times.items()
    }
    return translated(
        _weakened(target, 0.5),
        outward,
        inward,
        also_training=False,
        item_popularity=lambda: {**counts, **popular},
        item_times=lambda: dated,
    )


def _first_stage_better(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The first stage has the target item at the top, and the reranker makes its order worse."""
    tasks = [
        replace(
            task,
            first_stage_scores=tuple(
                float(place == position) + 0.5 * rng.random() for place in range(task.n_candidates)
            ),
        )
        for task, position in zip(target.tasks(), target_positions(target.tasks()), strict=True)
    ]
    return retasked(_weakened(target, 1.0), tasks)


def _slower(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Scoring keeps the processor busy for longer."""

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> Sequence[FloatArray]:
        started = time.perf_counter()
        rows: Sequence[FloatArray] = ask(target.score, tasks, progress)
        until = time.perf_counter() + severity * (time.perf_counter() - started)
        while time.perf_counter() < until:
            pass
        return rows

    return Wrapped(target, score=score)


B1A = Injector(
    "B1a",
    BASELINE_NOT_BEATEN,
    "popularity ranks better than the model",
    _popularity_better,
    needs=(KnowsPopularity,),
)
B1B = Injector(
    "B1b", BASELINE_NOT_BEATEN, "the first stage's order is better than the model's", _first_stage_better
)
B2 = Injector(
    "B2",
    REGRESSION,
    "some training labels are noise",
    trained_on(other_label),
    needs=(Trains, Rebuilds),
    severity=0.3,
    degrees=(0.05, 0.1, 0.3, 0.5, 1.0),
    retrains=True,
    needs_reference=True,
)
B3 = Injector(
    "B3",
    SLOWER,
    "throughput falls by 30 %",
    _slower,
    severity=_SLOWER,
    needs_reference=True,
    shows_in="p_value",
)
