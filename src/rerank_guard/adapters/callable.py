"""A plain scoring function as a target: texts in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from rerank_guard.core.types import FloatArray, RankingTask

__all__ = ["CallableTarget", "CallableTargetWithPopularity", "ScoreFunction"]

ScoreFunction = Callable[[Sequence[str], Sequence[str]], "FloatArray | Sequence[float]"]
"""From the history's texts (oldest first) and the N candidates' texts to N scores, higher is better."""


@dataclass(frozen=True)
class CallableTarget:
    """A reranker that is one function, judged on ready-made tasks.

    Attributes:
        score_fn: called once a task with the texts of its history and of its candidates.
        ranking_tasks: the held-out tasks.
        name: what the report calls it.

    Example:
        ```python
        from rerank_guard.adapters.callable import CallableTarget

        def make_target():
            return CallableTarget(my_score_function, my_tasks, name="my reranker")
        ```
    """

    score_fn: ScoreFunction
    ranking_tasks: Sequence[RankingTask]
    name: str = "callable"

    def tasks(self) -> Sequence[RankingTask]:
        """The tasks as they were given."""
        return self.ranking_tasks

    def score(self, tasks: Sequence[RankingTask]) -> Sequence[FloatArray]:
        """The function's answers, unchanged: whether they are well-formed is for a check to say."""
        return [
            cast(
                FloatArray,
                self.score_fn([item.text for item in task.history], [item.text for item in task.candidates]),
            )
            for task in tasks
        ]


@dataclass(frozen=True)
class CallableTargetWithPopularity(CallableTarget):
    """The same, knowing how often items were taken in the training data, so that popularity becomes a baseline.

    Attributes:
        popularity: item_id to count in the training data; a missing id counts 0.
    """

    popularity: Mapping[str, int] = field(kw_only=True)

    def item_popularity(self) -> Mapping[str, int]:
        """The counts as they were given."""
        return self.popularity
