"""Faults of what the prompt is made of: another task's content, or the answer itself; and of where it is read."""

# ruff: noqa: ARG001  (the functions have the signature of `Inject`, whether they use all of it or not)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.faults.prompts import PROMPT_SKEW, PROMPT_TRUNCATED
from rerank_guard.core.faults.scoring import WRONG_LOGIT_POSITION
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.forwarded import forwarded
from rerank_guard.faults.injector import Inject, Injector
from rerank_guard.faults.reprompted import COMPARES_PROMPTS, READS_PROMPTS, builder_of, reprompted

__all__ = []


def _other_task(change: Callable[[RankingTask, float], RankingTask]) -> Inject:
    """Every scoring prompt made of another task than the one that is scored."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        builder = builder_of(target)
        if all(change(task, severity) == task for task in target.tasks()):
            raise NotOfferedError("no task of this reranker can have this fault")

        def prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
            return list(builder.scoring_prompts([change(task, severity) for task in tasks]))

        return reprompted(target, prompts)

    return inject


def _candidates_cut(task: RankingTask, severity: float) -> RankingTask:
    """The first candidates alone."""
    kept = max(2, round((1.0 - severity) * task.n_candidates))
    if kept >= task.n_candidates:
        return task
    index = task.target_index
    return replace(
        task,
        candidates=task.candidates[:kept],
        target_index=None if index is None or index >= kept else index,
        first_stage_scores=None if task.first_stage_scores is None else task.first_stage_scores[:kept],
    )


def _short_history(task: RankingTask, severity: float) -> RankingTask:
    """The most recent items of the history alone."""
    kept = max(1, round((1.0 - severity) * len(task.history)))
    return replace(task, history=task.history[-kept:])


def _read_early(*, shown: bool) -> Inject:
    """The letters' logits are read one or more tokens before the prompt's end.

    Args:
        shown: whether the prompts that the reranker shows say so.
    """

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        builder, early = builder_of(target), max(1, round(severity))

        def prompts(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
            return [
                replace(prompt, read_position=max(0, prompt.read_position - early))
                for prompt in builder.scoring_prompts(tasks)
            ]

        replaced: dict[str, Any] = {"scoring_prompts": prompts} if shown else {}
        return forwarded(target, lambda tasks: [prompt.before_answer for prompt in prompts(tasks)], **replaced)

    return inject


T5A = Injector(
    "T5a",
    PROMPT_TRUNCATED,
    "the last candidates do not fit into the prompt",
    _other_task(_candidates_cut),
    needs=READS_PROMPTS,
    severity=0.2,
    degrees=(0.05, 0.1, 0.2, 0.5, 0.8),
)
T6F = Injector(
    "T6f",
    PROMPT_SKEW,
    "a shorter history where it is scored",
    _other_task(_short_history),
    needs=COMPARES_PROMPTS,
    severity=0.5,
    degrees=(0.2, 0.5, 1.0),
)
S2A = Injector(
    "S2a",
    WRONG_LOGIT_POSITION,
    "the letter is read before the prompt's last token",
    _read_early(shown=True),
    needs=READS_PROMPTS,
)
S2B = Injector(
    "S2b",
    WRONG_LOGIT_POSITION,
    "the same, and the prompts that are shown do not say so",
    _read_early(shown=False),
    needs=READS_PROMPTS,
)
