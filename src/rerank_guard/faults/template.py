"""Faults of the prompt's template: a part of it cut, doubled or changed where it is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.faults.prompts import PROMPT_SKEW, PROMPT_TRUNCATED
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.target import RerankTarget
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.reprompted import COMPARES_PROMPTS, READS_PROMPTS, builder_of, reprompted

__all__ = []

_COMPARED = 8
"""Prompts from which the template is read."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """How much comes before and after everything that depends on the task, in ids and in characters."""

    head: int
    tail: int
    head_text: int
    tail_text: int


_Edited = tuple[tuple[int, ...], str]
_Edit = Callable[[ScoringPrompt, _Frame], _Edited]
"""From a healthy prompt to the ids and the text of the faulty one."""


def _frame(target: RerankTarget) -> _Frame:
    """The template, read from what a few prompts have in common at either end.

    Raises:
        NotOfferedError: nothing, so that there is no template to damage.
    """
    prompts = builder_of(target).scoring_prompts(target.tasks()[:_COMPARED])
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


def _edited(edit: _Edit) -> Inject:
    """Every scoring prompt edited, and scored as the model answers it."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:  # noqa: ARG001
        frame = _frame(target)

        def change(prompt: ScoringPrompt) -> ScoringPrompt:
            ids, text = edit(prompt, frame)
            return ScoringPrompt(prompt.query_id, text, ids, len(ids) - 1)

        return reprompted(target, lambda tasks: list(map(change, builder_of(target).scoring_prompts(tasks))))

    return inject


def _cut_to(choose: Callable[[Sequence[int], _Frame], int]) -> Inject:
    """Prompts cut at the end to a length which is chosen from the lengths of the reranker's own prompts."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        lengths = [len(prompt.token_ids) for prompt in builder_of(target).scoring_prompts(target.tasks())]
        most = max(1, choose(lengths, _frame(target)))
        return _edited(lambda prompt, frame: _cut(prompt, most, frame))(target, severity, rng)

    return inject


def _cut(prompt: ScoringPrompt, most: int, frame: _Frame) -> _Edited:
    """The first `most` ids, and about as much of the text: which characters belong to which id is not known."""
    lost = len(prompt.token_ids) - most
    if lost <= 0:
        return prompt.token_ids, prompt.text
    if lost <= frame.tail:
        return prompt.token_ids[:most], prompt.text[: -max(1, frame.tail_text * lost // frame.tail)]
    body = len(prompt.text) - frame.tail_text
    return prompt.token_ids[:most], prompt.text[: body * most // (len(prompt.token_ids) - frame.tail)]


def _without_the_end(lengths: Sequence[int], frame: _Frame) -> int:
    """The shortest prompt loses just what comes after its last candidate."""
    return min(lengths) - frame.tail


def _without_candidates(lengths: Sequence[int], frame: _Frame) -> int:  # noqa: ARG001
    """The shortest prompt loses its last quarter."""
    return min(lengths) * 3 // 4


def _no_head(prompt: ScoringPrompt, frame: _Frame) -> _Edited:
    return prompt.token_ids[frame.head :], prompt.text[frame.head_text :]


def _head_twice(prompt: ScoringPrompt, frame: _Frame) -> _Edited:
    return prompt.token_ids[: frame.head] + prompt.token_ids, prompt.text[: frame.head_text] + prompt.text


def _tail_twice(prompt: ScoringPrompt, frame: _Frame) -> _Edited:
    return prompt.token_ids + prompt.token_ids[-frame.tail :], prompt.text + prompt.text[-frame.tail_text :]


def _last_twice(prompt: ScoringPrompt, frame: _Frame) -> _Edited:  # noqa: ARG001
    return prompt.token_ids + prompt.token_ids[-1:], prompt.text + prompt.text[-1:]


def _word_changed(prompt: ScoringPrompt, frame: _Frame) -> _Edited:
    """The template's first token replaced by its last one."""
    return (prompt.token_ids[frame.head - 1], *prompt.token_ids[1:]), prompt.text


T5B = Injector(
    "T5b",
    PROMPT_TRUNCATED,
    "the words before the answer are cut off",
    _cut_to(_without_the_end),
    needs=READS_PROMPTS,
)
T5C = Injector(
    "T5c", PROMPT_TRUNCATED, "the prompt is cut at a length", _cut_to(_without_candidates), needs=READS_PROMPTS
)
T6A = Injector(
    "T6a",
    PROMPT_SKEW,
    "a word of the template is not the one trained on",
    _edited(_word_changed),
    needs=COMPARES_PROMPTS,
)
T6B = Injector(
    "T6b",
    PROMPT_SKEW,
    "the system turn is missing where it is scored",
    _edited(_no_head),
    needs=COMPARES_PROMPTS,
)
T6C = Injector(
    "T6c",
    PROMPT_SKEW,
    "the system turn is there twice where it is scored",
    _edited(_head_twice),
    needs=COMPARES_PROMPTS,
)
T6D = Injector(
    "T6d",
    PROMPT_SKEW,
    "a block comes before the answer where it is scored",
    _edited(_tail_twice),
    needs=COMPARES_PROMPTS,
)
T6E = Injector(
    "T6e", PROMPT_SKEW, "a blank line more where it is scored", _edited(_last_twice), needs=COMPARES_PROMPTS
)
