"""Prompts that take titles as they are, or list the candidates in another order than that of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH, PROMPT_INJECTION
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.target import ShowsScoringPrompts
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.healthy.tokenizer import LETTERS, encode
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _uncleaned(tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
    """The prompts with each title as it is, line breaks included."""
    prompts = []
    for task in tasks:
        seen = "; ".join(item.text for item in task.history)
        listed = "\n".join(f"{letter}. {item.text}" for letter, item in zip(LETTERS, task.candidates, strict=False))
        text = f"You rank films for one person.\nSeen: {seen}\nCandidates:\n{listed}\nAnswer:\n"
        prompts.append(ScoringPrompt(task.query_id, text, encode(text), len(encode(text)) - 1))
    return prompts


def _with_uncleaned_titles(workbench: Workbench) -> Verdict:
    return workbench.judged("prompt_injection_safe", Wrapped(workbench.healthy, scoring_prompts=_uncleaned))


def _listed_backwards(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, ShowsScoringPrompts)
    show = healthy.scoring_prompts

    def shown(tasks: Sequence[RankingTask]) -> Sequence[ScoringPrompt]:
        return show([replace(task, candidates=task.candidates[::-1]) for task in tasks])

    return workbench.judged("prompt_complete", Wrapped(healthy, scoring_prompts=shown))


TITLES_NOT_CLEANED = Example(
    PROMPT_INJECTION,
    "prompt_injection_safe",
    "the prompt takes each title as it is, with its line breaks and markers",
    _with_uncleaned_titles,
)
LISTED_BACKWARDS = Example(
    LETTER_CANDIDATE_MISMATCH,
    "prompt_complete",
    "the prompt lists the candidates backwards, while the scores are in the order of the task",
    _listed_backwards,
)
