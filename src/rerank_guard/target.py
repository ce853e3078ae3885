"""The protocol a reranker meets to be judged: a little that is required, and more that unlocks more checks.

Capabilities are told by the methods a target has, never by its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from rerank_guard.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace

__all__ = [
    "DeclaresCutoffs",
    "Describes",
    "KnowsLetters",
    "KnowsOracle",
    "KnowsPopularity",
    "PredictsProba",
    "Progress",
    "RerankTarget",
    "Trains",
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
        """Run the job, leave the reranker trained, and return what was recorded."""
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
        """The letters with their token ids in the context where the answer stands."""
        ...


@runtime_checkable
class KnowsPopularity(Protocol):
    """Knows how often each item was taken in the training data."""

    def item_popularity(self) -> Mapping[str, int]:
        """item_id to count; a missing id counts 0."""
        ...


@runtime_checkable
class KnowsOracle(Protocol):
    """Lives in a known-truth world."""

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """The exact posterior of the target over the slots, (N,) a task: nobody can do better."""
        ...


@runtime_checkable
class DeclaresCutoffs(Protocol):
    """Says at which K it wants to be judged."""

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """The K of Recall@K; each must be below the smallest N."""
        ...


@runtime_checkable
class Describes(Protocol):
    """Describes itself for the report."""

    def describe(self) -> TargetDescription:
        """Dataset, device, versions, details."""
        ...
