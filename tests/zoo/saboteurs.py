"""The embedded target with one fault each, small enough to run in seconds; for `--rerank-target zoo.saboteurs:NAME`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.types import FloatArray, Item, LetterTable, RankingTask
from rerank_model.config import TrainingSettings
from rerank_model.embedded import WorldTarget, default_settings, make_target
from rerank_model.encode import PromptEncoder
from rerank_model.prompt import LETTERS, PromptConfig
from rerank_model.verbalizer import letters_in_context

FEW_STEPS = 10


def short_settings(seed: int, **changes: object) -> TrainingSettings:
    return replace(default_settings(seed), max_steps=FEW_STEPS, warmup_steps=2, **changes)  # type: ignore[arg-type]


def small(seed: int, device: str | None, **changes: object) -> WorldTarget:
    return make_target(seed, device, n_train=320, n_test=300, settings=short_settings(seed, **changes))


def target_dropped(seed: int = 0, device: str | None = None) -> WorldTarget:
    """D1: in 30 % of the lists the target gives way to another item; whoever scores them does not notice."""
    target = small(seed, device)
    rng = np.random.default_rng(seed)

    def drop(task: RankingTask) -> RankingTask:
        if task.target_index is None or rng.random() > 0.3:
            return task
        candidates = list(task.candidates)
        candidates[task.target_index] = Item("stranger", "Nameless Stranger")
        return replace(task, candidates=tuple(candidates))

    target.test_tasks = [drop(task) for task in target.test_tasks]
    return target


class SplitLetters(WorldTarget):
    def letter_table(self) -> LetterTable:
        doubled = PromptConfig(letters=tuple(letter * 2 for letter in LETTERS))
        return letters_in_context(PromptEncoder(self.reranker.tokenizer, doubled))


def letters_split(seed: int = 0, device: str | None = None) -> WorldTarget:
    """T1: labels AA, BB, ... are two tokens."""
    target = small(seed, device)
    target.__class__ = SplitLetters
    return target


def learning_rate_zero(seed: int = 0, device: str | None = None) -> WorldTarget:
    """O1: the job runs to its end and changes nothing."""
    return small(seed, device, learning_rate=0.0)


class UniformScores(WorldTarget):
    def score(self, tasks: Sequence[RankingTask], progress: object = None) -> list[FloatArray]:
        return [np.zeros(task.n_candidates) for task in tasks]


def uniform_scores(seed: int = 0, device: str | None = None) -> WorldTarget:
    """T7: every candidate gets the same score, as a silent fallback gives it."""
    target = small(seed, device)
    target.__class__ = UniformScores
    return target


class PopularTargets(WorldTarget):
    def item_popularity(self) -> Mapping[str, int]:
        return Counter(task.target_id for task in self.test_tasks)


def popularity_better(seed: int = 0, device: str | None = None) -> WorldTarget:
    """B1: the targets are the popular items, and counting them beats the model."""
    target = small(seed, device)
    target.__class__ = PopularTargets
    return target


def untouched_base(seed: int = 0, device: str | None = None) -> WorldTarget:
    """S7: the base as it comes, scored on enough users to be sure."""
    return make_target(seed, device, n_train=32, n_test=1500, settings=short_settings(seed, learning_rate=0.0))
