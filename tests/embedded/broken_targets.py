"""The embedded reranker with one fault each, small enough to run in seconds; for `--rerank-target broken_targets:NAME`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.types import FloatArray, Item, LetterTable, RankingTask
from rerank_guard.faults.listed import moved_to
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.prompt.prompt import LETTERS, PromptConfig
from rerank_model.prompt.verbalizer import letters_in_context
from rerank_model.targets.embedded import WorldTarget, default_settings, make_target
from rerank_model.training.settings import TrainingSettings

FEW_STEPS = 10


def short_settings(seed: int, **changes: object) -> TrainingSettings:
    return replace(default_settings(seed), max_steps=FEW_STEPS, warmup_steps=2, **changes)  # type: ignore[arg-type]


def small(seed: int, device: str | None, **changes: object) -> WorldTarget:
    return make_target(seed, device, n_train=160, n_test=120, settings=short_settings(seed, **changes))


def drop_targets(target: WorldTarget) -> None:
    """D1: in 30 % of the lists another item is in place of the target item, and nothing raises."""
    rng = np.random.default_rng(0)

    def drop(task: RankingTask) -> RankingTask:
        if task.target_index is None or rng.random() > 0.3:
            return task
        candidates = list(task.candidates)
        candidates[task.target_index] = Item("stranger", "Nameless Stranger")
        return replace(task, candidates=tuple(candidates))

    target.test_tasks = [drop(task) for task in target.test_tasks]


def split_letters(target: WorldTarget) -> None:
    """T1: labels AA, BB, ... are two tokens."""

    def letter_table() -> LetterTable:
        doubled = PromptConfig(letters=tuple(letter * 2 for letter in LETTERS))
        return letters_in_context(PromptEncoder(target.reranker.tokenizer, doubled))

    target.letter_table = letter_table  # type: ignore[method-assign]


def flatten_scores(target: WorldTarget) -> None:
    """T7: every candidate gets the same score, as a silent fallback gives it."""

    def score(tasks: Sequence[RankingTask], progress: object = None) -> list[FloatArray]:
        return [np.zeros(task.n_candidates) for task in tasks]

    target.score = score  # type: ignore[method-assign]


def put_targets_first(target: WorldTarget) -> None:
    """D5: every training list begins with its target item."""

    def first(task: RankingTask) -> RankingTask:
        moved = moved_to(task, 0)
        assert moved is not None
        return moved

    target.train_tasks = [first(task) for task in target.train_tasks]


def targets_first(seed: int = 0, device: str | None = None) -> WorldTarget:
    # as many steps as `training_planned` accepts; none is taken
    target = make_target(
        seed, device, n_train=480, n_test=120, settings=replace(short_settings(seed), max_steps=90)
    )
    put_targets_first(target)
    return target


def target_dropped(seed: int = 0, device: str | None = None) -> WorldTarget:
    return broken_by(drop_targets, seed, device)


def letters_split(seed: int = 0, device: str | None = None) -> WorldTarget:
    return broken_by(split_letters, seed, device)


def uniform_scores(seed: int = 0, device: str | None = None) -> WorldTarget:
    return broken_by(flatten_scores, seed, device)


def learning_rate_zero(seed: int = 0, device: str | None = None) -> WorldTarget:
    """O1: the job runs to its end and changes nothing."""
    return small(seed, device, learning_rate=0.0)


def untouched_base(seed: int = 0, device: str | None = None) -> WorldTarget:
    """S7: the base as it comes."""
    return make_target(seed, device, n_train=160, n_test=200, settings=short_settings(seed, learning_rate=0.0))


def broken_by(change: Callable[[WorldTarget], None], seed: int, device: str | None) -> WorldTarget:
    target = small(seed, device)
    change(target)
    return target
