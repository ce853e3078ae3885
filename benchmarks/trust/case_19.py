"""What differs between two token sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.trust.case_14 import scoring_prompts_by, training_prompts_by
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import letters, letters_with

from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.types import RankingTask
from rerank_guard.faults.healthy.prompt import CUE
from rerank_guard.faults.healthy.tokenizer import token_text

_BOS = "Films:\n"
"""Stands for a start token: whatever comes first in the prompt."""


def _prompts(trained: Callable[[str], str], scored: Callable[[str], str]) -> Callable[[int], Asked]:
    return lambda seed: Asked(
        letters_with(
            seed,
            scoring_prompts=scoring_prompts_by(scored, seed),
            training_prompts=training_prompts_by(trained, seed),
        )
    )


def _shorter_history(block: str) -> Callable[[int], Asked]:
    """Scored with the last 3 of 6 films, and with a block before the answer."""

    def build(seed: int) -> Asked:
        def prompts(given: Sequence[RankingTask]) -> list[ScoringPrompt]:
            short = [replace(task, history=task.history[-3:]) for task in given]
            return scoring_prompts_by(lambda text: text.removesuffix(CUE) + block + CUE, seed)(short)

        return Asked(letters_with(seed, scoring_prompts=prompts))

    return build


def _token_more(seed: int) -> Asked:
    """One start token in training, two at scoring."""

    def prompts(given: Sequence[RankingTask]) -> list[ScoringPrompt]:
        return [
            replace(
                prompt,
                text=token_text(prompt.token_ids[0]) + prompt.text,
                token_ids=(prompt.token_ids[0], *prompt.token_ids),
                read_position=prompt.read_position + 1,
            )
            for prompt in letters(seed).scoring_prompts(given)
        ]

    return Asked(letters_with(seed, scoring_prompts=prompts))


CASES = (
    Case(
        19,
        "a doubled start token at scoring",
        _token_more,
        fault("prompt-skew", says=("insert|more|added|extra",), not_says=("shuffled",)),
        sibling=False,
        fast=True,
    ),
    Case(
        19,
        "history of 6 in training and 3 at scoring, with a think block at scoring",
        _shorter_history("Think:\n\n"),
        fault("prompt-skew", says=("history|seen", "Think:"), not_says=("shuffled",)),
        sibling=False,
        fast=True,
    ),
    Case(
        19,
        "a line more at the start of scoring",
        _prompts(lambda text: text, lambda text: _BOS + text),
        fault("prompt-skew", not_says=("shuffled",)),
    ),
    Case(
        19,
        "the first line missing at scoring",
        _prompts(lambda text: text, lambda text: text.partition("\n")[2]),
        fault("prompt-skew", "prompt-truncated", not_says=("shuffled",)),
    ),
    Case(
        19,
        "the separator of the history replaced at scoring",
        _prompts(lambda text: text, lambda text: text.replace("; ", ", ")),
        fault("prompt-skew", not_says=("shuffled",)),
    ),
    Case(
        19,
        "history of 3 with a long think block",
        _shorter_history("Think: " + "one person ranks films. " * 30 + "\n"),
        fault("prompt-skew", says=("history|seen", "Think:"), not_says=("shuffled",)),
    ),
    Case(
        19,
        "healthy: the line more on both sides",
        _prompts(lambda text: _BOS + text, lambda text: _BOS + text),
        silent(),
    ),
)
