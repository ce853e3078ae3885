"""A prompt that holds the answer: the title of the target item is in it, and the model uses it."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from rerank_guard.core.faults.prompts import PROMPT_LEAK
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.target import RerankTarget, ShowsScoringPrompts, ShowsTrainingPrompts
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.figures import target_position, target_positions
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.reprompted import builder_of
from rerank_guard.faults.rescored import rescored, spread_of
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_HINT_TOKENS = 4


def _hinted(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The title above the list, in training and in scoring; the scores of the target items are raised."""
    builder = builder_of(target)

    def scoring_prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        return [
            _scoring_prompt(prompt, task)
            for prompt, task in zip(builder.scoring_prompts(tasks), tasks, strict=True)
        ]

    def training_prompts(tasks: Sequence[RankingTask]) -> list[TrainingPrompt | None]:
        assert isinstance(target, ShowsTrainingPrompts)
        return [
            None if prompt is None else _training_prompt(prompt, task)
            for prompt, task in zip(target.training_prompts(tasks), tasks, strict=True)
        ]

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        raised, lift = [row.copy() for row in rows], severity * spread_of(rows)
        for row, position in zip(raised, target_positions(tasks), strict=True):
            if position is not None:
                row[position] += lift
        return raised

    broken = Wrapped(rescored(target, change), scoring_prompts=scoring_prompts)
    if isinstance(target, ShowsTrainingPrompts):
        return Wrapped(broken, training_prompts=training_prompts)
    return broken


def _hint(task: RankingTask, ids: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Ids and text of the hint. Without the tokenizer the title's ids are not known: any that depend on it will do."""
    position = target_position(task)
    title = "" if position is None else task.candidates[position].text
    hint = tuple(ids[crc32(f"{title} {place}".encode()) % len(ids)] for place in range(_HINT_TOKENS))
    return hint, f"Hint: {title}\n"


def _scoring_prompt(prompt: ScoringPrompt, task: RankingTask) -> ScoringPrompt:
    ids, text = _hint(task, prompt.token_ids)
    return ScoringPrompt(
        prompt.query_id, text + prompt.text, ids + prompt.token_ids, prompt.read_position + len(ids)
    )


def _training_prompt(prompt: TrainingPrompt, task: RankingTask) -> TrainingPrompt:
    ids, text = _hint(task, prompt.before_answer)
    return replace(
        prompt,
        text=text + prompt.text,
        token_ids=ids + prompt.token_ids,
        answer_position=prompt.answer_position + len(ids),
        supervised=tuple(replace(token, position=token.position + len(ids)) for token in prompt.supervised),
    )


D8 = Injector("D8", PROMPT_LEAK, "the target item's title is above the list", _hinted, needs=(ShowsScoringPrompts,))
