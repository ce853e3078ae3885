"""A reranker whose scoring prompts are other ones, and whose scores are the model's answers to those."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.target import (
    ForwardsTokens,
    KnowsLetters,
    RerankTarget,
    ShowsScoringPrompts,
    ShowsTrainingPrompts,
)
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.forwarded import forwarded

__all__ = ["COMPARES_PROMPTS", "READS_PROMPTS", "builder_of", "reprompted"]

READS_PROMPTS = (ShowsScoringPrompts, ForwardsTokens, KnowsLetters)
"""What a fault of the scored prompt needs."""

COMPARES_PROMPTS = (*READS_PROMPTS, ShowsTrainingPrompts)
"""What a difference between the scored prompt and the trained one needs."""


def builder_of(target: RerankTarget) -> ShowsScoringPrompts:
    """The reranker, known to show its scoring prompts."""
    assert isinstance(target, ShowsScoringPrompts)
    return target


def reprompted(
    target: RerankTarget, prompts: Callable[[Sequence[RankingTask]], list[ScoringPrompt]]
) -> RerankTarget:
    """The reranker with other scoring prompts, scored as its model answers them."""
    return forwarded(
        target, lambda tasks: [prompt.before_answer for prompt in prompts(tasks)], scoring_prompts=prompts
    )
