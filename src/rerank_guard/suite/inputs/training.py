"""Inputs that a training job gives: its trace, that of one batch, what it did to the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rerank_guard.core.defaults import LEARNING_EFFECT
from rerank_guard.core.errors import TargetError
from rerank_guard.core.given import Cost, gives
from rerank_guard.core.target import TracksParameters, Trains, TrainsOneBatch
from rerank_guard.core.training_plan import ParameterChange
from rerank_guard.core.types import RankingTask, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.stages import takes

__all__: list[str] = []


@gives(needs=TrainsOneBatch, cost=Cost.ONE_BATCH)
def smoke_trace(asking: Asking) -> TrainingTrace:
    """The trace of some steps on one batch."""
    __tracebackhide__ = True
    trace = asking.capable(TrainsOneBatch).train_one_batch(asking.stage("smoke training on one batch"))
    return asking.typed(trace, TrainingTrace, "train_one_batch()")


@gives(needs=Trains, cost=Cost.TRAINING)
def training_trace(asking: Asking, cutoffs: tuple[int, ...], given_tasks: Sequence[RankingTask]) -> TrainingTrace:
    """The trace of the training job, which runs once."""
    __tracebackhide__ = True
    reranker = asking.capable(Trains)
    stage = asking.stage("training")
    if not asking.settings.early_stop:
        trace = reranker.train(stage)
    elif takes(reranker.train, "monitor"):
        monitored: Callable[..., TrainingTrace] = reranker.train
        own = asking.settings.checks.get("loss_below_random", {})
        monitor = TrainingMonitor(
            alpha=_number(own.get("alpha", asking.settings.budget)),
            effect=_number(own.get("effect", LEARNING_EFFECT)),
            cutoffs=cutoffs,
            n_users=len(given_tasks),
        )
        trace = monitored(stage, monitor=monitor)
    else:
        raise TargetError(
            f"an early stop was asked for, but train() of {asking.reranker.name!r} takes no `monitor`; give it the "
            "parameter and hand it to TraceRecorder(..., monitor=monitor), or run without --rerank-early-stop."
        )
    return asking.typed(trace, TrainingTrace, "train()")


def _number(value: object) -> float:
    assert isinstance(value, int | float)  # `RunSettings` has seen to it
    return float(value)


@gives(needs=TracksParameters, cost=Cost.SCORING)
def parameter_changes(asking: Asking) -> tuple[ParameterChange, ...]:
    """What the job did to each weight tensor."""
    changes = asking.capable(TracksParameters).parameter_changes()
    return tuple(asking.typed(change, ParameterChange, "parameter_changes()") for change in changes)
