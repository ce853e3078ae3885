"""Inputs that need no model: tasks, letters, counts, times, the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.given import gives
from rerank_guard.core.population import Population
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.target import (
    DeclaresPopulation,
    DeclaresTraining,
    KnowsItemTimes,
    KnowsLetters,
    KnowsPopularity,
    KnowsTimes,
    KnowsTrainingTasks,
    RerankTarget,
)
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import LetterTable, RankingTask
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.cutoffs import choose_cutoffs

__all__: list[str] = []


@gives(needs=RerankTarget)
def given_tasks(asking: Asking) -> Sequence[RankingTask]:
    """The held-out tasks as the reranker gave them; its methods are called with these."""
    tasks = _ranking_tasks(asking, asking.reranker.tasks(), "tasks()")
    if not len(tasks):
        raise InvalidTaskError(f"tasks() of {asking.reranker.name!r} gave no task; there is nothing to judge on.")
    return tasks


@gives(needs=RerankTarget)
def tasks_again(asking: Asking, given_tasks: Sequence[RankingTask]) -> TaskTable:  # noqa: ARG001
    """What tasks() gave at a second call; no call of the model, and so as cheap as the first."""
    __tracebackhide__ = True
    return TaskTable.of(_ranking_tasks(asking, asking.reranker.tasks(), "tasks(), called again,"))


@gives()
def tasks(given_tasks: Sequence[RankingTask]) -> TaskTable:
    """The held-out tasks as a table."""
    return TaskTable.of(given_tasks)


@gives(needs=KnowsTrainingTasks)
def given_training_tasks(asking: Asking) -> Sequence[RankingTask]:
    """The tasks that the job trains on, as the reranker gave them."""
    return _ranking_tasks(asking, asking.capable(KnowsTrainingTasks).training_tasks(), "training_tasks()")


@gives()
def training_tasks(given_training_tasks: Sequence[RankingTask]) -> TaskTable:
    """The tasks that the job trains on, as a table."""
    return TaskTable.of(given_training_tasks)


@gives(needs=KnowsLetters)
def letter_table(asking: Asking) -> LetterTable:
    """The letters with their token ids at the answer position."""
    return asking.typed(asking.capable(KnowsLetters).letter_table(), LetterTable, "letter_table()")


@gives(needs=KnowsPopularity)
def item_popularity(asking: Asking) -> Mapping[str, int]:
    """item_id to count in the training data."""
    return asking.capable(KnowsPopularity).item_popularity()


@gives(needs=KnowsItemTimes)
def item_times(asking: Asking) -> Mapping[str, Mapping[str, float]]:
    """Kind of time to item_id to time."""
    return asking.capable(KnowsItemTimes).item_times()


@gives(needs=KnowsTimes)
def split_times(asking: Asking) -> SplitTimes:
    """When the interactions of the split happened."""
    return asking.typed(asking.capable(KnowsTimes).split_times(), SplitTimes, "split_times()")


@gives(needs=DeclaresPopulation)
def population(asking: Asking) -> Population:
    """Whom the evaluation speaks for."""
    return asking.typed(asking.capable(DeclaresPopulation).population(), Population, "population()")


@gives(needs=DeclaresTraining)
def training_plan(asking: Asking) -> TrainingPlan:
    """The training job as its configuration asks for it."""
    return asking.typed(asking.capable(DeclaresTraining).training_plan(), TrainingPlan, "training_plan()")


def _ranking_tasks(asking: Asking, given: Sequence[RankingTask], method: str) -> Sequence[RankingTask]:
    if isinstance(given, TaskTable):
        return given
    tasks = tuple(given)
    for index, task in enumerate(tasks):
        if not isinstance(task, RankingTask):
            raise asking.wrong(f"{method} gave {task!r:.200} at position {index}; give RankingTask objects")
    return tasks


@gives()
def cutoffs(asking: Asking, given_tasks: Sequence[RankingTask]) -> tuple[int, ...]:
    """The K of Recall@K: those asked for, else the reranker's own, else the defaults below the N of most tasks."""
    lengths = [task.n_candidates for task in given_tasks]
    settings = asking.settings
    return choose_cutoffs(settings.cutoffs, asking.reranker, lengths, where=f"the cutoffs of {settings.where('k')}")
