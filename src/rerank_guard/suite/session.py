"""What a suite asks of its target, each thing once: tasks, letters, training, scores, probabilities."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import TypeVar

import numpy as np

from rerank_guard.checks import ALPHA
from rerank_guard.counterfactual import (
    blank_prompts,
    content_free_scores,
    has_histories_to_swap,
    swapped_histories,
)
from rerank_guard.errors import InvalidTaskError, TargetError
from rerank_guard.monitor import TrainingMonitor
from rerank_guard.population import Population
from rerank_guard.report.report import Subject, TrainingSummary
from rerank_guard.split_times import SplitTimes
from rerank_guard.stored import RunConditions, StoredRun, stored_run_of
from rerank_guard.suite.asked_again import AskedAgain
from rerank_guard.suite.cutoffs import choose_cutoffs
from rerank_guard.suite.load import require_target
from rerank_guard.suite.once import Once, if_offered
from rerank_guard.suite.rows import as_float_rows
from rerank_guard.suite.stages import Stage, call_unseen, call_with_progress, takes
from rerank_guard.target import (
    DeclaresPopulation,
    DeclaresTraining,
    Describes,
    Fingerprints,
    KnowsItemTimes,
    KnowsLetters,
    KnowsOracle,
    KnowsPopularity,
    KnowsTimes,
    KnowsTrainingTasks,
    PredictsProba,
    Progress,
    Rehearses,
    ReportsMetrics,
    RerankTarget,
    ScoresMadeUpTasks,
    TracksParameters,
    Trains,
)
from rerank_guard.throughput import Throughput, measure_throughput
from rerank_guard.training_plan import ParameterChange, TrainingPlan
from rerank_guard.types import FloatArray, LetterTable, RankingTask, TrainingTrace

__all__ = ["DEFAULT_ALPHA", "SuiteSession"]

DEFAULT_ALPHA = ALPHA
"""The false-alarm rate of each statistical gate."""

SECONDS_OF_TIMING = 15.0
"""About how long scoring is timed, where a stored run asks for it."""

T = TypeVar("T")


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
        early_stop: end the training job as soon as its gates have passed; the target's train() must take a `monitor`.
        stored: an earlier run; Recall@K must not have fallen below it.
        keep_going: train and score even where an exact gate has failed before.

    Attributes:
        stopped_by: gates before the job that have failed; as long as there are any, the job is not started.

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
        early_stop: bool = False,
        stored: StoredRun | None = None,
        keep_going: bool = False,
    ) -> None:
        self.stored = stored
        self.early_stop = early_stop
        self.target = require_target(target)
        self.alpha = alpha
        self.seed = seed
        self._device = device
        self._progress = progress
        self.tasks = Once(self._load_tasks)
        self.cutoffs = Once(
            lambda: choose_cutoffs(cutoffs, self.target, [task.n_candidates for task in self.tasks()])
        )
        self.letter_table = Once(self._load_letter_table)
        self.rehearsal = Once(self._rehearse)
        self.training_trace = Once(self._train)
        self.raw_scores = Once(self._score)
        self.raw_probabilities = Once(self._predict_proba)
        self.raw_oracle = Once(self._ask_oracle)
        self.item_popularity = Once(self._count_popularity)
        self.item_times = Once(self._ask_item_times)
        self.split_times = Once(self._ask_split_times)
        self.population = Once(self._ask_population)
        self.conditions = Once(self._ask_conditions)
        self.training_tasks = Once(self._load_training_tasks)
        self.plan = Once(self._ask_plan)
        self.parameter_changes = Once(self._ask_parameter_changes)
        self.reported_metrics = Once(self._ask_reported_metrics)
        self.asked_again = AskedAgain(self)
        self.throughput = Once(self._time_scoring)
        self.keep_going = keep_going
        self.stopped_by: list[str] = []
        self.swapped_tasks = Once(lambda: swapped_histories(self.tasks(), np.random.default_rng(seed)).tasks)
        self.raw_history_blind = Once(lambda: self._score_made_up(self.swapped_tasks(), "histories swapped"))
        self.raw_content_free = Once(lambda: self._score_made_up(blank_prompts(self.tasks()), "blank prompts"))

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
        return if_offered(self.item_popularity, None) if isinstance(self.target, KnowsPopularity) else None

    def known_item_times(self) -> Mapping[str, Mapping[str, float]]:
        """Kind of time to item_id to time; empty when the target does not know."""
        return if_offered(self.item_times, {}) if isinstance(self.target, KnowsItemTimes) else {}

    def raw_made_up(self) -> None:
        """Have the made-up tasks scored, if the target does that; what `own_baselines` needs of it."""
        __tracebackhide__ = True
        if not isinstance(self.target, ScoresMadeUpTasks) or if_offered(self.raw_content_free, None) is None:
            return
        if has_histories_to_swap(self.tasks()):
            try:
                self.swapped_tasks()
            except (
                InvalidTaskError
            ):  # of the tasks, not of the target: `own_baselines` raises it for the check to show
                return
            self.raw_history_blind()

    def own_baselines(self) -> dict[str, list[FloatArray]]:
        """The model itself on blank prompts (Zhao et al. 2021) and with swapped histories.

        Empty when it scores no made-up tasks.

        Raises:
            InvalidScoresError: they were not answered by one row of numbers a task.
            InvalidTaskError: the tasks have different histories, but nobody can be given another user's.
        """
        if not isinstance(self.target, ScoresMadeUpTasks):
            return {}
        of_blanks = as_float_rows(self.raw_content_free(), "scores (blank prompts)", "score_made_up()")
        baselines = {"content-free prior": content_free_scores(self.tasks(), of_blanks)}
        if has_histories_to_swap(self.tasks()):
            baselines["history-blind"] = as_float_rows(
                self.raw_history_blind(), "scores (histories swapped)", "score_made_up()"
            )
        return baselines

    def stored_run(self, created: str) -> StoredRun:
        """This run, to be written and held against later ones; `created` is an ISO date."""
        return stored_run_of(
            self.scores(),
            self.tasks(),
            target=self.target.name,
            created=created,
            seed=self.seed,
            versions=self.subject().versions,
            conditions=self.conditions(),
            throughput=self.throughput(),
        )

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
            stopped_early=trace.stopped_early,
        )

    def _load_tasks(self) -> tuple[RankingTask, ...]:
        tasks = self._ranking_tasks(self.target.tasks(), "tasks()")
        if not tasks:
            raise InvalidTaskError(f"tasks() of {self.target.name!r} gave no task; there is nothing to judge on.")
        return tasks

    def _load_training_tasks(self) -> tuple[RankingTask, ...]:
        target = self.capable(KnowsTrainingTasks, "training_tasks()", "have its training data judged")
        return self._ranking_tasks(target.training_tasks(), "training_tasks()")

    def _ranking_tasks(self, given: Sequence[RankingTask], method: str) -> tuple[RankingTask, ...]:
        tasks = tuple(given)
        for index, task in enumerate(tasks):
            if not isinstance(task, RankingTask):
                raise self.wrong(f"{method} gave {task!r:.200} at position {index}; give RankingTask objects")
        return tasks

    def _load_letter_table(self) -> LetterTable:
        table = self.capable(KnowsLetters, "letter_table()", "have its letters checked").letter_table()
        return self.given(table, LetterTable, "letter_table()")

    def _train(self) -> TrainingTrace:
        __tracebackhide__ = True
        target = self.capable(Trains, "train(progress)", "have its training judged")
        stage = Stage(self._progress, "training")
        if not self.early_stop:
            trace = target.train(stage)
        elif takes(target.train, "monitor"):
            monitored: Callable[..., TrainingTrace] = target.train
            monitor = TrainingMonitor(alpha=self.alpha, cutoffs=self.cutoffs(), n_users=len(self.tasks()))
            trace = monitored(stage, monitor=monitor)
        else:
            raise TargetError(
                f"an early stop was asked for, but train() of {self.target.name!r} takes no `monitor`; give it the parameter "
                "and hand it to TraceRecorder(..., monitor=monitor), or run without --rerank-early-stop."
            )
        return self.given(trace, TrainingTrace, "train()")

    def _rehearse(self) -> TrainingTrace:
        __tracebackhide__ = True
        target = self.capable(Rehearses, "rehearse(progress)", "have its job tried on one batch")
        return self.given(target.rehearse(Stage(self._progress, "rehearsal")), TrainingTrace, "rehearse()")

    def ask(self, method: Callable[..., object], tasks: Sequence[RankingTask], what: str) -> object:
        """Train if the target does, then call its method on tasks, with progress under the name `what`."""
        __tracebackhide__ = True
        self.trained()
        stage = Stage(self._progress, what)
        stage(0, len(tasks))
        answer = call_with_progress(method, tasks, stage)
        stage(len(tasks), len(tasks))
        return answer

    def _score(self) -> object:
        __tracebackhide__ = True
        return self.ask(self.target.score, self.tasks(), "scoring")

    def _score_made_up(self, tasks: Sequence[RankingTask], note: str) -> object:
        """Score tasks of the suite's own making, after training."""
        __tracebackhide__ = True
        target = self.capable(ScoresMadeUpTasks, "score_made_up(tasks)", "be held against itself")
        return self.ask(target.score_made_up, tasks, f"scoring, {note}")

    def _predict_proba(self) -> object:
        __tracebackhide__ = True
        target = self.capable(PredictsProba, "predict_proba(tasks)", "have its probabilities judged")
        return self.ask(target.predict_proba, self.tasks(), "probabilities")

    def _ask_oracle(self) -> object:
        target = self.capable(KnowsOracle, "oracle_proba(tasks)", "be held against the world's truth")
        return target.oracle_proba(self.tasks())

    def _count_popularity(self) -> Mapping[str, int]:
        return self.capable(KnowsPopularity, "item_popularity()", "be held against popularity").item_popularity()

    def _ask_item_times(self) -> Mapping[str, Mapping[str, float]]:
        return self.capable(KnowsItemTimes, "item_times()", "be held against recency").item_times()

    def _ask_split_times(self) -> SplitTimes:
        times = self.capable(KnowsTimes, "split_times()", "have its split checked").split_times()
        return self.given(times, SplitTimes, "split_times()")

    def _ask_population(self) -> Population:
        population = self.capable(DeclaresPopulation, "population()", "have its users accounted for").population()
        return self.given(population, Population, "population()")

    def _ask_plan(self) -> TrainingPlan:
        plan = self.capable(DeclaresTraining, "training_plan()", "have its plan judged").training_plan()
        return self.given(plan, TrainingPlan, "training_plan()")

    def _ask_parameter_changes(self) -> tuple[ParameterChange, ...]:
        self.trained()
        target = self.capable(TracksParameters, "parameter_changes()", "have its weights judged")
        changes = target.parameter_changes()
        return tuple(self.given(change, ParameterChange, "parameter_changes()") for change in changes)

    def _ask_reported_metrics(self) -> Mapping[str, float]:
        self.trained()
        return self.capable(ReportsMetrics, "reported_metrics()", "have its own figures judged").reported_metrics()

    def _time_scoring(self) -> Throughput:
        """Scoring the same few tasks over and over, after training."""
        self.trained()
        tasks = self.asked_again.tasks()
        return measure_throughput(
            lambda: call_unseen(self.target.score, tasks),
            len(tasks),
            device=self.subject().device,
            budget=SECONDS_OF_TIMING,
        )

    def _ask_conditions(self) -> RunConditions | None:
        if not isinstance(self.target, Fingerprints):
            return None
        self.trained()
        conditions = self.given(self.target.conditions(), RunConditions, "conditions()")
        # a model trained until its gates passed is another one than that of the whole job
        return replace(conditions, config={**conditions.config, "early_stop": self.early_stop})

    def capable(self, capability: type[T], method: str, purpose: str) -> T:
        """The target, known to have a capability."""
        if not isinstance(self.target, capability):
            raise TargetError(f"{self.target.name!r} has no {method}; add it to {purpose}.")
        return self.target

    def given(self, value: object, kind: type[T], method: str) -> T:
        """What the target's method gave, known to be of its kind."""
        if not isinstance(value, kind):
            raise self.wrong(f"{method} gave {value!r:.200}; return a {kind.__name__} from it")
        return value

    def wrong(self, what: str) -> TargetError:
        """The error that says what is wrong with the target."""
        return TargetError(f"{self.target.name!r}: {what}.")


def _own_version() -> dict[str, str]:
    """This package's version; nothing when it runs from a source tree that is not installed."""
    try:
        return {"rerank-guard": metadata.version("rerank-guard")}
    except metadata.PackageNotFoundError:
        return {}
