"""Faults that show only beside another ranking: a cheaper one, or that of an earlier run."""

# ruff: noqa: ARG001  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from rerank_guard.faults.data import retasked
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.figures import slots_of
from rerank_guard.faults.modelled import modelled
from rerank_guard.faults.rescored import as_logits
from rerank_guard.faults.training import noisy_labels
from rerank_guard.faults.translated import translated
from rerank_guard.faults.wrapped import Wrapped, ask
from rerank_guard.target import KnowsItemTimes, KnowsPopularity, Progress, Rebuilds, RerankTarget, Trains
from rerank_guard.training_change import TrainingChange
from rerank_guard.types import FloatArray, Item, RankingTask

__all__ = ["BASELINE_FAULTS"]

_POPULAR = "popular "
"""Begins the new ids of the targets."""

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
    of = [crc32(f"{task.query_id.split(',')[0]} {item_id}".encode()) for item_id in task.candidate_ids]
    return np.array(of, dtype=np.float64) / 2**32 - 0.5


def _popularity_better(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """What was taken next is what is taken most: the targets are popular items, the same items as negatives are not."""
    assert isinstance(target, KnowsPopularity)

    def outward(task: RankingTask) -> RankingTask:
        (slot,) = slots_of([task])
        if slot is None:
            return task
        candidates = list(task.candidates)
        # the model reads the text, as before
        candidates[slot] = Item(_POPULAR + task.target_id, candidates[slot].text)
        return replace(task, candidates=tuple(candidates), target_id=_POPULAR + task.target_id)

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
    # as old as they were, so that it is their popularity alone that tells
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


def _retriever_better(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The first stage has the target at the top already, and the reranker makes a mess of its order."""
    tasks = [
        replace(
            task,
            retriever_scores=tuple(float(place == slot) + 0.5 * rng.random() for place in range(task.n_candidates)),
        )
        for task, slot in zip(target.tasks(), slots_of(target.tasks()), strict=True)
    ]
    return retasked(_weakened(target, 1.0), tasks)


def _label_noise(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, Rebuilds)
    seed = int(rng.integers(2**31))
    return target.rebuilt(
        TrainingChange(tasks=lambda tasks: noisy_labels(tasks, severity, np.random.default_rng(seed)))
    )


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


def _fault(zoo_id: str, name: str, what: str, inject: Inject, **more: object) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.BASELINE, inject, **more)  # type: ignore[arg-type]


BASELINE_FAULTS = (
    _fault(
        "B1a",
        "baseline-not-beaten",
        "popularity ranks better than the model",
        _popularity_better,
        needs=(KnowsPopularity,),
    ),
    _fault("B1b", "baseline-not-beaten", "the retriever's order is better than the model's", _retriever_better),
    _fault(
        "B2",
        "regression",
        "some training labels are noise",
        _label_noise,
        needs=(Trains, Rebuilds),
        severity=0.3,
        degrees=(0.05, 0.1, 0.3, 0.5, 1.0),
        retrains=True,
        needs_stored=True,
    ),
    _fault("B3", "slower", "throughput falls by 30 %", _slower, severity=_SLOWER, needs_stored=True),
)
