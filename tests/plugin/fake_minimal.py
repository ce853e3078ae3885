"""Rerankers with no more than what is required, and things that are no reranker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fake_data import make_scores, make_tasks

from rerank_guard.core.types import FloatArray, Item, RankingTask

__all__ = [
    "Minimal",
    "NotATarget",
    "instance",
    "minimal",
    "no_tasks",
    "number",
    "one_candidate",
    "tasks_raise",
    "undecided",
]


@dataclass
class Minimal:
    """Only what `RerankTarget` requires."""

    ranking_tasks: list[RankingTask] = field(default_factory=make_tasks)
    name: str = "minimal"
    lift: float = 2.0

    def tasks(self) -> list[RankingTask]:
        return self.ranking_tasks

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return make_scores(tasks, self.lift)


def minimal() -> Minimal:
    return Minimal()


def undecided() -> Minimal:
    """Four users are too few for any verdict on quality."""
    return Minimal(ranking_tasks=make_tasks(4), name="undecided")


def one_candidate() -> Minimal:
    """Nothing to rank."""
    item = Item("i", "Film")
    return Minimal(ranking_tasks=[RankingTask("u", (), (item,), "i", 0)])


def no_tasks() -> Minimal:
    return Minimal(ranking_tasks=[])


def tasks_raise() -> Minimal:
    raise ZeroDivisionError("the fake's data are broken")


class NotATarget:
    name = "half a target"

    def tasks(self):
        return make_tasks(3)


instance = Minimal(name="an instance")
number = 3
