"""The protocol a reranker meets to be judged: a little that is required, and more that unlocks more checks.

Capabilities are told by the methods a target has, never by its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from rerank_guard.core.conditions import Fingerprints
from rerank_guard.core.population import Population
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.training_plan import ParameterChange, TrainingPlan
from rerank_guard.core.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace

__all__ = [
    "DeclaresCutoffs",
    "DeclaresPopulation",
    "DeclaresTraining",
    "Describes",
    "Fingerprints",
    "ForwardsTokens",
    "KnowsItemTimes",
    "KnowsLetters",
    "KnowsOracle",
    "KnowsPopularity",
    "KnowsTimes",
    "KnowsTrainingTasks",
    "PredictsProba",
    "Progress",
    "Rebuilds",
    "Reloads",
    "ReportsMetrics",
    "RerankTarget",
    "ScoresSyntheticTasks",
    "ShowsScoringPrompts",
    "ShowsTrainingPrompts",
    "SwitchesAdapter",
    "TracksParameters",
    "Trains",
    "TrainsOneBatch",
]


class Progress(Protocol):
    """Called as long work goes on: how much is done, of how much, and a few words such as the running loss."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report `done` of `total` units; `done == total` ends the bar."""
        ...


@runtime_checkable
class RerankTarget(Protocol):
    """The required part."""

    @property
    def name(self) -> str:
        """What the report calls this reranker."""
        ...

    def tasks(self) -> Sequence[RankingTask]:
        """The held-out tasks to judge on, the same ones at every call."""
        ...

    def score(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """One float64 array (N,) a task, higher is better; any scale."""
        ...


@runtime_checkable
class Trains(Protocol):
    """Has a training job; it runs once, before anything is scored."""

    def train(self, progress: Progress) -> TrainingTrace:
        """Run the job, leave the reranker trained, and return what was recorded.

        With a further parameter `monitor: TrainingMonitor | None = None`, handed to `TraceRecorder(..., monitor=monitor)`,
        the job can end as soon as its checks have passed (--rerank-early-stop).
        """
        ...


@runtime_checkable
class PredictsProba(Protocol):
    """Gives probabilities: the softmax restricted to the N letters in use."""

    def predict_proba(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """One float64 array (N,) a task, non-negative, summing to 1."""
        ...


@runtime_checkable
class KnowsLetters(Protocol):
    """Ranks by letter tokens."""

    def letter_table(self) -> LetterTable:
        """The letters with their token ids at the answer position."""
        ...


@runtime_checkable
class KnowsPopularity(Protocol):
    """Knows how often each item was taken in the training data."""

    def item_popularity(self) -> Mapping[str, int]:
        """item_id to count; a missing id counts 0."""
        ...


@runtime_checkable
class KnowsItemTimes(Protocol):
    """Knows how new each item is."""

    def item_times(self) -> Mapping[str, Mapping[str, float]]:
        """Kind of time ("last taken", "release year") to item_id to time; larger is newer, a missing id is oldest.

        Each kind becomes a baseline of its own, the newest first and the oldest first.
        """
        ...


@runtime_checkable
class KnowsTimes(Protocol):
    """Knows when its interactions happened."""

    def split_times(self) -> SplitTimes:
        """Of all that anything was fitted on, and of the test targets."""
        ...


@runtime_checkable
class DeclaresPopulation(Protocol):
    """Says whom the evaluation speaks for."""

    def population(self) -> Population:
        """All users, counted before any filter (never from tasks()), and those without a task, by reason."""
        ...


@runtime_checkable
class ScoresSyntheticTasks(Protocol):
    """Scores tasks that are not in tasks(): the prompt is made from the task's texts alone.

    A method of its own, because a target that looks recorded scores up cannot do this.
    """

    def score_synthetic(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """As score()."""
        ...


@runtime_checkable
class KnowsOracle(Protocol):
    """Lives in a known-truth world."""

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """The exact posterior of the target over the positions, (N,) a task: no ranking can do better."""
        ...


@runtime_checkable
class DeclaresCutoffs(Protocol):
    """Says at which K it wants to be judged."""

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """The K of Recall@K; each must be below the largest N."""
        ...


@runtime_checkable
class Describes(Protocol):
    """Describes itself for the report."""

    def describe(self) -> TargetDescription:
        """Dataset, device, versions, details."""
        ...


@runtime_checkable
class KnowsTrainingTasks(Protocol):
    """Shows what it is trained on, so that the data checks reach it too."""

    def training_tasks(self) -> Sequence[RankingTask]:
        """The examples of the training job, before it has run."""
        ...


@runtime_checkable
class ShowsScoringPrompts(Protocol):
    """Shows what the model reads when it ranks."""

    def scoring_prompts(self, tasks: Sequence[RankingTask]) -> Sequence[ScoringPrompt]:
        """One a task, from the very code that scores; also of tasks that the suite makes up.

        An exception says that the prompt builder refuses a task, which is a right answer to a hostile title.
        """
        ...


@runtime_checkable
class ShowsTrainingPrompts(Protocol):
    """Shows what the model reads, and what its loss looks at, when it is trained."""

    def training_prompts(self, tasks: Sequence[RankingTask]) -> Sequence[TrainingPrompt | None]:
        """One a task, from the very code (the collator) that trains; None for an example that it drops."""
        ...


@runtime_checkable
class ForwardsTokens(Protocol):
    """Has a plain forward pass, by which the fast one is held."""

    def next_token_logits(self, prompts: Sequence[Sequence[int]]) -> Sequence[FloatArray]:
        """The whole vocabulary's logits (V,) behind the last token of each prompt.

        Each prompt by itself, without padding, packing or cache, in evaluation mode, with the adapter on: as slow as it
        comes, and shared with nothing that `score` does.
        """
        ...


@runtime_checkable
class DeclaresTraining(Protocol):
    """Says what its training job is meant to do."""

    def training_plan(self) -> TrainingPlan:
        """As the configuration has it, before the job has run."""
        ...


@runtime_checkable
class TrainsOneBatch(Protocol):
    """Can try its training job on a few examples before it runs."""

    def train_one_batch(self, progress: Progress) -> TrainingTrace:
        """The job's own code and learning rate, some 60 steps on the same 4 to 16 examples, on a copy of the model.

        The reranker itself stays untrained. A warm-up of a few steps and a constant rate after it are best.
        """
        ...


@runtime_checkable
class TracksParameters(Protocol):
    """Knows what the job did to its weights."""

    def parameter_changes(self) -> Sequence[ParameterChange]:
        """One a tensor, after train()."""
        ...


@runtime_checkable
class Reloads(Protocol):
    """Can be saved and loaded."""

    def score_reloaded(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """As score(), by a reranker that was saved to a folder and loaded from there."""
        ...


@runtime_checkable
class SwitchesAdapter(Protocol):
    """Has an adapter that can be switched off."""

    def score_without_adapter(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """As score(), by the base model alone."""
        ...


@runtime_checkable
class ReportsMetrics(Protocol):
    """Has an evaluation of its own, whose figures people read."""

    def reported_metrics(self) -> Mapping[str, float]:
        """Such as {"Recall@20": 0.41, "Hit@5": 0.2, "MRR": 0.1}, over tasks(), after training."""
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """Can be made anew, with a change to its training job: for injectors and for probes."""

    def rebuilt(self, change: TrainingChange) -> RerankTarget:
        """A fresh, untrained copy of this target, of the same seed, whose job is changed so.

        Raises:
            NotImplementedError: a change that this target cannot make.
        """
        ...
