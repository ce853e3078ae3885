"""What a suite asks of its target, each thing once: tasks, letters, training, scores, probabilities."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np

from rerank_guard.checks import ALPHA
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, TargetError
from rerank_guard.report.report import Subject, TrainingSummary
from rerank_guard.suite.cutoffs import choose_cutoffs
from rerank_guard.suite.load import require_target
from rerank_guard.target import (
    Describes,
    KnowsLetters,
    KnowsOracle,
    KnowsPopularity,
    PredictsProba,
    Progress,
    RerankTarget,
    Trains,
)
from rerank_guard.types import FloatArray, LetterTable, RankingTask, TrainingTrace

__all__ = ["DEFAULT_ALPHA", "SuiteSession", "as_float_rows"]

DEFAULT_ALPHA = ALPHA
"""The false-alarm rate of each statistical gate."""

T = TypeVar("T")


class _Once(Generic[T]):
    """A computation that runs at the first call; later calls get its value, or raise what it raised."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self._value: T | None = None
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        self._done = False

    @property
    def value(self) -> T | None:
        """What has been computed; None as long as it has not been, or when it raised."""
        return self._value

    def __call__(self) -> T:
        __tracebackhide__ = True  # pytest then shows the target's own frames, which are what the reader needs
        if not self._done:
            try:
                self._value = self._compute()
            except Exception as error:
                self._error, self._traceback = error, error.__traceback__
            self._done = True
        if self._error is not None:
            # The traceback of the first time, which would else grow with each gate that asks again.
            raise self._error.with_traceback(self._traceback)
        return self._value  # type: ignore[return-value]


class SuiteSession:
    """One target under judgement. Nothing is computed before it is asked for, and nothing twice.

    What the target itself raises is not swallowed; asking again raises the same error without running the target
    again, so that a training job that broke is not started once a gate.

    Args:
        target: the reranker.
        cutoffs: the K of Recall@K; None leaves the choice to the target, then to the defaults.
        alpha: false-alarm rate of each statistical gate.
        seed: goes into the report.
        device: goes into the report when the target does not describe itself.
        progress: told how far training and scoring are.

    Raises:
        TargetError: `target` does not meet `RerankTarget`.
    """

    def __init__(
        self,
        target: RerankTarget,
        *,
        cutoffs: Sequence[int] | None = None,
        alpha: float = DEFAULT_ALPHA,
        seed: int = 0,
        device: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.target = require_target(target)
        self.alpha = alpha
        self.seed = seed
        self._device = device
        self._progress = progress
        self.tasks = _Once(self._load_tasks)
        self.cutoffs = _Once(
            lambda: choose_cutoffs(cutoffs, self.target, [task.n_candidates for task in self.tasks()])
        )
        self.letter_table = _Once(self._load_letter_table)
        self.training_trace = _Once(self._train)
        self.raw_scores = _Once(self._score)
        self.raw_probabilities = _Once(self._predict_proba)
        self.raw_oracle = _Once(self._ask_oracle)
        self.item_popularity = _Once(self._count_popularity)

    def scores(self) -> list[FloatArray]:
        """The scores as one float64 array a task, taken after training.

        Raises:
            InvalidScoresError: they are not one row of numbers a task.
        """
        return as_float_rows(self.raw_scores(), "scores", "score()")

    def probabilities(self) -> list[FloatArray]:
        """The probabilities as one float64 array a task, taken after training.

        Raises:
            InvalidScoresError: they are not one row of numbers a task.
        """
        return as_float_rows(self.raw_probabilities(), "probabilities", "predict_proba()")

    def oracle_probabilities(self) -> list[FloatArray]:
        """The exact posterior of the target over the slots, (N,) a task.

        Raises:
            InvalidScoresError: they are not one row of numbers a task.
        """
        return as_float_rows(self.raw_oracle(), "oracle probabilities", "oracle_proba()")

    def known_popularity(self) -> Mapping[str, int] | None:
        """item_id to count in the training data; None when the target does not know."""
        return self.item_popularity() if isinstance(self.target, KnowsPopularity) else None

    def trained(self) -> TrainingTrace | None:
        """Train if the target does; its trace, or None for a target without a training job."""
        __tracebackhide__ = True
        return self.training_trace() if isinstance(self.target, Trains) else None

    def subject(self) -> Subject:
        """The report's head, with the target's own description where it gives one."""
        versions = {"python": platform.python_version(), "numpy": np.__version__, **_own_version()}
        dataset, device, details = "not described", self._device or "not described", {}
        if isinstance(self.target, Describes):
            description = self.target.describe()
            dataset, device = description.dataset, description.device
            versions |= description.versions
            details = dict(description.details)
        return Subject(
            target=self.target.name,
            dataset=dataset,
            device=device,
            seed=self.seed,
            versions=versions,
            details=details,
            training=self._training_summary(),
        )

    def finished_training(self) -> TrainingTrace | None:
        """The trace of the job if it has run to its end; starts nothing."""
        return self.training_trace.value

    def _training_summary(self) -> TrainingSummary | None:
        trace = self.finished_training()
        if trace is None:
            return None
        return TrainingSummary(
            steps=trace.optimizer_steps,
            planned_steps=int(trace.planned_steps),
            examples=len(trace.letter_nll),
            trainable_parameters=int(trace.trainable_parameters),
            seconds=float(trace.seconds),
        )

    def _load_tasks(self) -> tuple[RankingTask, ...]:
        tasks = tuple(self.target.tasks())
        for index, task in enumerate(tasks):
            if not isinstance(task, RankingTask):
                raise TargetError(
                    f"tasks() of {self.target.name!r} gave {task!r:.200} at position {index}; "
                    "give RankingTask objects."
                )
        if not tasks:
            raise InvalidTaskError(f"tasks() of {self.target.name!r} gave no task; there is nothing to judge on.")
        return tasks

    def _load_letter_table(self) -> LetterTable:
        target = self.target
        if not isinstance(target, KnowsLetters):
            raise TargetError(f"{target.name!r} has no letter_table(); add it to have its letters checked.")
        table = target.letter_table()
        if not isinstance(table, LetterTable):
            raise TargetError(f"letter_table() of {target.name!r} gave {table!r:.200}; give a LetterTable.")
        return table

    def _train(self) -> TrainingTrace:
        __tracebackhide__ = True
        target = self.target
        if not isinstance(target, Trains):
            raise TargetError(f"{target.name!r} has no train(progress); add it to have its training judged.")
        trace = target.train(_Stage(self._progress, "training"))
        if not isinstance(trace, TrainingTrace):
            raise TargetError(
                f"train() of {target.name!r} gave {trace!r:.200}; return the TrainingTrace of the job."
            )
        return trace

    def _score(self) -> object:
        __tracebackhide__ = True
        self.trained()
        tasks = self.tasks()
        stage = _Stage(self._progress, "scoring")
        stage(0, len(tasks))
        scores = _call_with_progress(self.target.score, tasks, stage)
        stage(len(tasks), len(tasks))
        return scores

    def _predict_proba(self) -> object:
        target = self.target
        if not isinstance(target, PredictsProba):
            raise TargetError(
                f"{target.name!r} has no predict_proba(tasks); add it to have its probabilities judged."
            )
        __tracebackhide__ = True
        self.trained()
        tasks = self.tasks()
        stage = _Stage(self._progress, "probabilities")
        stage(0, len(tasks))
        probabilities = _call_with_progress(target.predict_proba, tasks, stage)
        stage(len(tasks), len(tasks))
        return probabilities

    def _ask_oracle(self) -> object:
        target = self.target
        if not isinstance(target, KnowsOracle):
            raise TargetError(
                f"{target.name!r} has no oracle_proba(tasks); add it where the world's truth is known."
            )
        return target.oracle_proba(self.tasks())

    def _count_popularity(self) -> Mapping[str, int]:
        target = self.target
        if not isinstance(target, KnowsPopularity):
            raise TargetError(f"{target.name!r} has no item_popularity(); add it to be held against popularity.")
        return target.item_popularity()


class _Stage:
    """Progress of one stage: what is going on stands before the target's own note."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        self._progress = progress
        self._name = name
        self._ended = False

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if self._progress is None or (self._ended and done >= total):
            return
        self._ended = done >= total
        self._progress(done, total, f"{self._name}, {note}" if note else self._name)


def as_float_rows(rows: object, what: str, method: str) -> list[FloatArray]:
    """Rows of numbers as float64 arrays; nothing is filled in or cut.

    Args:
        rows: what the target gave.
        what: names the values in messages, such as "scores".
        method: names where they came from, such as "score()".

    Raises:
        InvalidScoresError: `rows` is no sequence, or a row holds something that is not a number.
    """
    try:
        entries = list(rows)  # type: ignore[call-overload]
    except TypeError as error:
        raise InvalidScoresError(
            f"{method} gave {rows!r:.200} of type {type(rows).__name__} as {what}; return one array (N,) a task."
        ) from error
    return [_float_row(entry, index, what, method) for index, entry in enumerate(entries)]


def _float_row(entry: object, index: int, what: str, method: str) -> FloatArray:
    fix = f"{method} has to return one float64 array (N,) a task"
    try:
        row = np.asarray(entry)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # ragged rows; tensors of another device or with gradient
        raise InvalidScoresError(
            f"the {what} of task {index} cannot be read as numbers ({error}); {fix}."
        ) from error
    if row.dtype.kind not in "fiub":
        raise InvalidScoresError(f"the {what} of task {index} are {entry!r:.200} (dtype {row.dtype}); {fix}.")
    return row.astype(np.float64)


def _call_with_progress(
    method: Callable[..., object], tasks: Sequence[RankingTask], progress: Callable[..., None]
) -> object:
    """Call `method(tasks)`, handing it `progress` if its signature has a parameter of that name."""
    __tracebackhide__ = True
    try:
        takes_progress = "progress" in inspect.signature(method).parameters
    except (TypeError, ValueError):  # some callables written in C have no signature
        takes_progress = False
    return method(tasks, progress=progress) if takes_progress else method(tasks)


def _own_version() -> dict[str, str]:
    """This package's version; nothing when it runs from a source tree that is not installed."""
    try:
        return {"rerank-guard": metadata.version("rerank-guard")}
    except metadata.PackageNotFoundError:
        return {}
