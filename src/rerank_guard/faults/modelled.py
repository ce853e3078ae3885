"""A reranker whose model gives other logits: in its plain forward pass as well as in its scoring code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.target import ForwardsTokens, KnowsLetters, RerankTarget, ShowsScoringPrompts
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.rescored import SCORING_METHODS, answering
from rerank_guard.faults.wrapped import Wrapped

__all__ = ["modelled"]


def modelled(target: RerankTarget, score: Callable[..., list[FloatArray]]) -> Wrapped:
    """The reranker as if its model gave these logits.

    A plain forward pass is asked about token ids, not about tasks; which task they belong to is known from the prompts
    that the reranker showed before. Ids that it never showed are answered as before.

    Args:
        target: a healthy reranker.
        score: `score(tasks, progress=None)` of the faulty model; logits.
    """
    # without its adapter the model is the healthy base
    scoring = {name: score for name in SCORING_METHODS if name != "score_without_adapter"}
    wrapped = answering(target, scoring)
    if not (
        isinstance(target, ForwardsTokens)
        and isinstance(target, ShowsScoringPrompts)
        and isinstance(target, KnowsLetters)
    ):
        return wrapped
    shown: dict[tuple[int, ...], RankingTask] = {}
    letter_ids = [letter.token_ids[0] for letter in target.letter_table().letters]

    def scoring_prompts(tasks: Sequence[RankingTask]) -> Sequence[ScoringPrompt]:
        prompts = target.scoring_prompts(tasks)
        shown.update({prompt.token_ids: task for prompt, task in zip(prompts, tasks, strict=True)})
        return prompts

    def next_token_logits(prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        rows = [np.array(row, dtype=np.float64) for row in target.next_token_logits(prompts)]
        for ids, row in zip(prompts, rows, strict=True):
            task = shown.get(tuple(ids))
            if task is not None:
                (logits,) = score([task])
                letters = letter_ids[: len(logits)]
                row[letters] = row[letters].max() + logits[: len(letters)] - logits.max()
        return rows

    return Wrapped(wrapped, scoring_prompts=scoring_prompts, next_token_logits=next_token_logits)
