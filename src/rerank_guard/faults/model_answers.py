"""Faults of the model itself: its plain forward pass gives the wrong scores too."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.baselines.counterfactual import has_histories_to_swap
from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.faults.quality import BASELINE_NOT_BEATEN, HISTORY_IGNORED
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE, STALE_CHECKPOINT
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.target import Progress, Rebuilds, RerankTarget, ScoresSyntheticTasks, Trains
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.digest import digest
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.modelled import modelled
from rerank_guard.faults.rescored import SCORING_METHODS, as_logits
from rerank_guard.faults.wrapped import Wrapped, ask, only_had

__all__ = []


def _letter_prior(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The model answers every prompt with the same logits, by position."""
    prior = rng.normal(size=max(task.n_candidates for task in target.tasks()))

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        return [np.resize(prior, task.n_candidates) for task in tasks]

    return modelled(target, score)


def _untrained(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The job runs and is recorded; the model that is loaded and scored is the one from before it."""
    assert isinstance(target, Rebuilds)
    stale = target.rebuilt(TrainingChange())
    names = (*SCORING_METHODS, "predict_proba", "next_token_logits", "reported_metrics")
    return Wrapped(target, **{name: getattr(stale, name) for name in names if hasattr(stale, name)})


def _history_blind(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Whichever user is asked for, the ranking is that of one and the same history."""
    _require_histories(target)
    assert isinstance(target, ScoresSyntheticTasks)
    whose = next(task for task in target.tasks() if task.history)

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        same_history = [
            replace(
                task,
                query_id=f"{task.query_id} with the history of {whose.query_id}",
                history=tuple(item for item in whose.history if item.item_id not in task.candidate_ids),
            )
            for task in tasks
        ]
        rows = ask(target.score_synthetic, same_history, progress)
        return [as_logits(np.asarray(row, dtype=np.float64)) for row in rows]

    return modelled(target, score)


def _popularity_only(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The model ranks items by how often they are taken; the history changes nothing."""
    _require_histories(target)
    counts = Counter(task.target_id for task in target.tasks())

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        return [
            np.array([np.log1p(counts[item_id]) + 1e-3 * digest(item_id) for item_id in task.candidate_ids])
            for task in tasks
        ]

    return Wrapped(modelled(target, score), **only_had(target, {"oracle_proba": _another_truth}))


def _another_truth(tasks: Sequence[RankingTask]) -> list[FloatArray]:
    raise NotOfferedError(
        "the target items are those that are popular now; the world's posterior is no longer theirs"
    )


def _require_histories(target: RerankTarget) -> None:
    if not has_histories_to_swap(target.tasks()):
        raise NotOfferedError("its tasks all have the same history, so there is none to ignore")


S5 = Injector("S5", POSITION_PRIOR, "every prompt gets the same scores by position", _letter_prior)
S7 = Injector(
    "S7",
    STALE_CHECKPOINT,
    "the checkpoint from before the training is scored",
    _untrained,
    also=(ADAPTER_INACTIVE,),
    needs=(Trains, Rebuilds),
)
S8A = Injector(
    "S8a",
    HISTORY_IGNORED,
    "every user is ranked by one and the same history",
    _history_blind,
    needs=(ScoresSyntheticTasks,),
)
S8B = Injector(
    "S8b",
    HISTORY_IGNORED,
    "the ranking is a popularity prior alone",
    _popularity_only,
    also=(BASELINE_NOT_BEATEN,),
    needs=(ScoresSyntheticTasks,),
)
