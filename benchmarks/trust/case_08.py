"""Prompts that the pipeline cannot make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import letters, letters_with

from rerank_guard.core.prompts import TrainingPrompt
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

Prompts = Sequence[TrainingPrompt | None]
_GOES_ON = {"gt_in_candidates": (Status.PASSED,), "no_history_leak": (Status.PASSED,)}


def _by(change: Callable[[Prompts], Prompts]) -> Callable[[int], Asked]:
    """The packaged reranker whose training prompts are changed."""
    return lambda seed: Asked(
        letters_with(seed, training_prompts=lambda given: change(letters(seed).training_prompts(given)))
    )


def _unsupervised(prompts: Prompts) -> Prompts:
    return [None if prompt is None else replace(prompt, supervised=()) for prompt in prompts]


def _raising_for(length: int) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        def prompts(given: Sequence[RankingTask]) -> Prompts:
            for task in given:
                if sum(len(item.text) for item in task.candidates) > length:
                    raise ValueError(f"{task.query_id}: longer than the model's context")
            return letters(seed).training_prompts(given)

        return Asked(letters_with(seed, training_prompts=prompts))

    return build


def _control_characters(seed: int) -> Asked:
    """Titles with a bell and a zero, which the prompt cleans."""

    def dirty(item: Item) -> Item:
        return Item(item.item_id, item.text.replace(" ", " \x07\x00", 1)) if item.item_id.endswith("7") else item

    def all_dirty(given: Sequence[RankingTask]) -> list[RankingTask]:
        return [
            replace(task, candidates=tuple(map(dirty, task.candidates)), history=tuple(map(dirty, task.history)))
            for task in given
        ]

    judged, training = all_dirty(letters(seed).tasks()), all_dirty(letters(seed).training_tasks())
    return Asked(letters_with(seed, tasks=lambda: judged, training_tasks=lambda: training))


CASES = (
    Case(
        8,
        "training_prompts() gives fewer prompts than tasks",
        _by(lambda prompts: prompts[: len(prompts) * 2 // 3]),
        fault("prompts-unusable", "letter-not-supervised", statuses=_GOES_ON),
        sibling=False,
        fast=True,
    ),
    Case(
        8,
        "labels are -100 everywhere",
        _by(_unsupervised),
        fault("letter-not-supervised", statuses=_GOES_ON),
        sibling=False,
        fast=True,
    ),
    Case(
        8,
        "titles with control characters",
        _control_characters,
        Expected(silent=True, statuses=_GOES_ON),
        sibling=False,
    ),
    Case(
        8,
        "training_prompts() raises for long examples",
        _raising_for(262),
        fault("prompts-unusable", statuses=_GOES_ON),
        sibling=False,
    ),
    Case(
        8,
        "one prompt too many",
        _by(lambda prompts: [*prompts, prompts[-1]]),
        fault("prompts-unusable", statuses=_GOES_ON),
    ),
    Case(8, "no prompt at all", _by(lambda prompts: []), fault("prompts-unusable", statuses=_GOES_ON)),
    Case(
        8,
        "labels are -100 for a third of the examples",
        _by(
            lambda prompts: [
                (_unsupervised([prompt]) if index % 3 == 0 else [prompt])[0] for index, prompt in enumerate(prompts)
            ]
        ),
        fault("letter-not-supervised", "prompts-unusable", statuses=_GOES_ON),
    ),
    Case(
        8,
        "training_prompts() raises for one example in six",
        _raising_for(268),
        fault("prompts-unusable", statuses=_GOES_ON),
    ),
    Case(
        8,
        "healthy: one example in ten is dropped and said so",
        _by(lambda prompts: [None if index % 10 == 3 else prompt for index, prompt in enumerate(prompts)]),
        silent(),
    ),
)
