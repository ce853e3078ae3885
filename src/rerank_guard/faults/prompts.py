"""Faults of the prompt: cut, unlike the one trained on, telling the answer, read at the wrong place."""

# ruff: noqa: ARG001  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

from rerank_guard.errors import NotOfferedError
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.figures import slots_of
from rerank_guard.faults.forwarded import forwarded
from rerank_guard.faults.rescored import rescored, spread_of
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.target import (
    ForwardsTokens,
    KnowsLetters,
    RerankTarget,
    ShowsScoringPrompts,
    ShowsTrainingPrompts,
)
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["PROMPT_FAULTS"]

_FORWARD = (ShowsScoringPrompts, ForwardsTokens, KnowsLetters)
_BOTH = (*_FORWARD, ShowsTrainingPrompts)
_COMPARED = 8


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands before and behind everything that depends on the task, in ids and in characters."""

    head: int
    tail: int
    head_text: int
    tail_text: int


Edit = Callable[[ScoringPrompt, _Frame], tuple[tuple[int, ...], str]]
"""From a sound prompt to the ids and the text of the faulty one."""


def _builder(target: RerankTarget) -> ShowsScoringPrompts:
    assert isinstance(target, ShowsScoringPrompts)
    return target


def _frame(target: RerankTarget) -> _Frame:
    """Told from a few prompts: what they have in common at either end.

    Raises:
        NotOfferedError: nothing, so that there is no template to damage.
    """
    tasks = target.tasks()
    prompts = _builder(target).scoring_prompts(tasks[:_COMPARED])
    ids, texts = [prompt.token_ids for prompt in prompts], [prompt.text for prompt in prompts]
    frame = _Frame(
        _common(ids), _common([row[::-1] for row in ids]), _common(texts), _common([text[::-1] for text in texts])
    )
    if len(prompts) < 2 or frame.head < 1 or frame.tail < 1 or frame.head + frame.tail >= min(map(len, ids)):
        raise NotOfferedError("its prompts have no common beginning and end, so there is no template to damage")
    return frame


def _common(rows: Sequence[Sequence[object]]) -> int:
    """Length of the longest common beginning."""
    shortest = min(map(len, rows))
    return next((place for place in range(shortest) if len({row[place] for row in rows}) > 1), shortest)


def _edited(edit: Edit) -> Inject:
    """Every scoring prompt edited, and scored as the model answers it."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        frame = _frame(target)

        def change(prompt: ScoringPrompt) -> ScoringPrompt:
            ids, text = edit(prompt, frame)
            return ScoringPrompt(prompt.query_id, text, ids, len(ids) - 1)

        return _reprompted(target, lambda tasks: list(map(change, _builder(target).scoring_prompts(tasks))))

    return inject


def _other_task(change: Callable[[RankingTask, float], RankingTask]) -> Inject:
    """Every scoring prompt made of another task than the one that is scored."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        builder = _builder(target)
        if all(change(task, severity) == task for task in target.tasks()):
            raise NotOfferedError("no task of this target can have this fault")

        def prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
            return list(builder.scoring_prompts([change(task, severity) for task in tasks]))

        return _reprompted(target, prompts)

    return inject


def _reprompted(
    target: RerankTarget, prompts: Callable[[Sequence[RankingTask]], list[ScoringPrompt]]
) -> RerankTarget:
    return forwarded(
        target, lambda tasks: [prompt.before_answer for prompt in prompts(tasks)], scoring_prompts=prompts
    )


def _cut_at(prompt: ScoringPrompt, most: int, frame: _Frame) -> tuple[tuple[int, ...], str]:
    """The first `most` ids; as much of the text, by and large, for which characters stand for which id is not known."""
    lost = len(prompt.token_ids) - most
    if lost <= 0:
        return prompt.token_ids, prompt.text
    if lost <= frame.tail:
        return prompt.token_ids[:most], prompt.text[: -max(1, frame.tail_text * lost // frame.tail)]
    body = len(prompt.text) - frame.tail_text
    return prompt.token_ids[:most], prompt.text[: body * most // (len(prompt.token_ids) - frame.tail)]


def _max_length(of: Callable[[Sequence[int], _Frame], int]) -> Inject:
    """Prompts are cut on the right to a length which is chosen from those of the target's own prompts."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        frame = _frame(target)
        lengths = [len(prompt.token_ids) for prompt in _builder(target).scoring_prompts(target.tasks())]
        most = max(1, of(lengths, frame))
        return _edited(lambda prompt, frame: _cut_at(prompt, most, frame))(target, severity, rng)

    return inject


def _most_lose_the_end(lengths: Sequence[int], frame: _Frame) -> int:
    """The shortest prompt loses just what stands behind its last candidate."""
    return min(lengths) - frame.tail


def _most_lose_candidates(lengths: Sequence[int], frame: _Frame) -> int:
    return min(lengths) * 3 // 4


def _no_head(prompt: ScoringPrompt, frame: _Frame) -> tuple[tuple[int, ...], str]:
    return prompt.token_ids[frame.head :], prompt.text[frame.head_text :]


def _head_twice(prompt: ScoringPrompt, frame: _Frame) -> tuple[tuple[int, ...], str]:
    return (
        prompt.token_ids[: frame.head] + prompt.token_ids,
        prompt.text[: frame.head_text] + prompt.text,
    )


def _tail_twice(prompt: ScoringPrompt, frame: _Frame) -> tuple[tuple[int, ...], str]:
    return (
        prompt.token_ids + prompt.token_ids[-frame.tail :],
        prompt.text + prompt.text[-frame.tail_text :],
    )


def _last_twice(prompt: ScoringPrompt, frame: _Frame) -> tuple[tuple[int, ...], str]:
    return prompt.token_ids + prompt.token_ids[-1:], prompt.text + prompt.text[-1:]


def _word_changed(prompt: ScoringPrompt, frame: _Frame) -> tuple[tuple[int, ...], str]:
    """The template's first token gives way to its last one."""
    return (prompt.token_ids[frame.head - 1], *prompt.token_ids[1:]), prompt.text


def _candidates_cut(task: RankingTask, severity: float) -> RankingTask:
    """The prompt is built of the first candidates alone."""
    kept = max(2, round((1.0 - severity) * task.n_candidates))
    if kept >= task.n_candidates:
        return task
    index = task.target_index
    return replace(
        task,
        candidates=task.candidates[:kept],
        target_index=None if index is None or index >= kept else index,
        retriever_scores=None if task.retriever_scores is None else task.retriever_scores[:kept],
    )


def _short_history(task: RankingTask, severity: float) -> RankingTask:
    """The most recent items alone."""
    kept = max(1, round((1.0 - severity) * len(task.history)))
    return replace(task, history=task.history[-kept:])


def _hinted(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """The title of the target stands above the list, in training and in scoring, and the model uses it."""
    builder = _builder(target)

    def hint(task: RankingTask, ids: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        (slot,) = slots_of([task])
        title = "" if slot is None else task.candidates[slot].text
        # Without the tokenizer the title's ids are not known; any that depend on it will do.
        told = tuple(ids[crc32(f"{title} {place}".encode()) % len(ids)] for place in range(4))
        return told, f"Hint: {title}\n"

    def scoring_prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        made = []
        for prompt, task in zip(builder.scoring_prompts(tasks), tasks, strict=True):
            ids, text = hint(task, prompt.token_ids)
            made.append(
                ScoringPrompt(
                    prompt.query_id, text + prompt.text, ids + prompt.token_ids, prompt.read_position + len(ids)
                )
            )
        return made

    def training_prompts(tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        assert isinstance(target, ShowsTrainingPrompts)
        made = []
        for prompt, task in zip(target.training_prompts(tasks), tasks, strict=True):
            ids, text = hint(task, prompt.before_answer)
            made.append(
                replace(
                    prompt,
                    text=text + prompt.text,
                    token_ids=ids + prompt.token_ids,
                    answer_position=prompt.answer_position + len(ids),
                    supervised=tuple(
                        replace(token, position=token.position + len(ids)) for token in prompt.supervised
                    ),
                )
            )
        return made

    def change(tasks: Sequence[RankingTask], rows: list[FloatArray]) -> list[FloatArray]:
        raised, lift = [row.copy() for row in rows], severity * spread_of(rows)
        for row, slot in zip(raised, slots_of(tasks), strict=True):
            if slot is not None:
                row[slot] += lift
        return raised

    told = {"scoring_prompts": scoring_prompts}
    if isinstance(target, ShowsTrainingPrompts):
        return Wrapped(rescored(target, change), training_prompts=training_prompts, **told)
    return Wrapped(rescored(target, change), **told)


def _read_early(told: bool) -> Inject:
    """The letters' logits are read one or more tokens before the prompt's end."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        builder, early = _builder(target), max(1, round(severity))

        def prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
            return [
                replace(prompt, read_position=max(0, prompt.read_position - early))
                for prompt in builder.scoring_prompts(tasks)
            ]

        shown: dict[str, Any] = {"scoring_prompts": prompts} if told else {}
        return forwarded(target, lambda tasks: [prompt.before_answer for prompt in prompts(tasks)], **shown)

    return inject


def _fault(zoo_id: str, name: str, what: str, inject: Inject, needs: tuple[type, ...], **more: object) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.PROMPT, inject, needs=needs, **more)  # type: ignore[arg-type]


PROMPT_FAULTS = (
    _fault("D8", "prompt-leak", "the target's title stands above the list", _hinted, (ShowsScoringPrompts,)),
    _fault(
        "T5a",
        "prompt-truncated",
        "the last candidates do not fit into the prompt",
        _other_task(_candidates_cut),
        _FORWARD,
        severity=0.2,
        degrees=(0.05, 0.1, 0.2, 0.5, 0.8),
    ),
    _fault(
        "T5b",
        "prompt-truncated",
        "the words before the answer are cut off",
        _max_length(_most_lose_the_end),
        _FORWARD,
    ),
    _fault(
        "T5c", "prompt-truncated", "the prompt is cut at a length", _max_length(_most_lose_candidates), _FORWARD
    ),
    _fault("T6a", "prompt-skew", "a word of the template is not the one trained on", _edited(_word_changed), _BOTH),
    _fault("T6b", "prompt-skew", "the system turn is missing where it is scored", _edited(_no_head), _BOTH),
    _fault("T6c", "prompt-skew", "the system turn stands twice where it is scored", _edited(_head_twice), _BOTH),
    _fault(
        "T6d", "prompt-skew", "a block stands before the answer where it is scored", _edited(_tail_twice), _BOTH
    ),
    _fault("T6e", "prompt-skew", "a blank line more where it is scored", _edited(_last_twice), _BOTH),
    _fault(
        "T6f",
        "prompt-skew",
        "a shorter history where it is scored",
        _other_task(_short_history),
        _BOTH,
        severity=0.5,
        degrees=(0.2, 0.5, 1.0),
    ),
    _fault(
        "S2a",
        "wrong-logit-position",
        "the letter is read before the prompt's last token",
        _read_early(True),
        _FORWARD,
    ),
    _fault(
        "S2b",
        "wrong-logit-position",
        "the same, and the prompts that are shown do not say so",
        _read_early(False),
        _FORWARD,
    ),
)
