"""A what-if probe beside the comparison with the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import letters, letters_with, mapped

from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.healthy.prompt import CUE
from rerank_guard.faults.healthy.tokenizer import encode

_PROMPT_FAULTS = ("prompt-skew", "prompt-truncated")


def scoring_prompts_by(
    change: Callable[[str], str], seed: int
) -> Callable[[Sequence[RankingTask]], list[ScoringPrompt]]:
    """The packaged reranker's scoring prompts with another text."""

    def prompts(given: Sequence[RankingTask]) -> list[ScoringPrompt]:
        made = []
        for prompt in letters(seed).scoring_prompts(given):
            text = change(prompt.text)
            ids = encode(text)
            made.append(ScoringPrompt(prompt.query_id, text, ids, len(ids) - 1))
        return made

    return prompts


def training_prompts_by(
    change: Callable[[str], str], seed: int
) -> Callable[[Sequence[RankingTask]], list[TrainingPrompt]]:
    """Its training prompts with another text before the letter."""

    def prompts(given: Sequence[RankingTask]) -> list[TrainingPrompt]:
        made = []
        for prompt in letters(seed).training_prompts(given):
            answer = prompt.token_ids[prompt.answer_position + 1 :]
            before, after = prompt.text.split(CUE)
            text = change(before + CUE)
            ids = encode(text)
            moved = len(ids) - 1 - prompt.answer_position
            supervised = tuple(type(each)(each.position + moved, each.token_id) for each in prompt.supervised)
            made.append(TrainingPrompt(prompt.query_id, text + after, (*ids, *answer), len(ids) - 1, supervised))
        return made

    return prompts


def _prompt_and_scores(
    change: Callable[[str], str], scores: Callable[[FloatArray], FloatArray]
) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        score = mapped(letters(seed).score, scores)
        return Asked(
            letters_with(
                seed,
                score=score,
                score_synthetic=score,
                predict_proba=mapped(score, lambda row: np.exp(row - row.max()) / np.exp(row - row.max()).sum()),
                scoring_prompts=scoring_prompts_by(change, seed),
            )
        )

    return build


def _reversed(seed: int) -> Asked:
    score = mapped(letters(seed).score, lambda row: -row)
    return Asked(letters_with(seed, score=score, score_synthetic=score))


def _both_changed(seed: int) -> Asked:
    def change(text: str) -> str:
        return f"A system turn about films.\n{text}"

    return Asked(
        letters_with(
            seed,
            scoring_prompts=scoring_prompts_by(change, seed),
            training_prompts=training_prompts_by(change, seed),
        )
    )


CASES = (
    Case(
        14,
        "no generation prompt at scoring, the scores are those of the next letter",
        _prompt_and_scores(lambda text: text.removesuffix(CUE), lambda row: np.roll(row, 1)),
        fault(*_PROMPT_FAULTS),
        sibling=False,
        fast=True,
    ),
    Case(
        14,
        "no generation prompt at scoring, the ranking is reversed",
        _prompt_and_scores(lambda text: text.removesuffix(CUE), lambda row: -row),
        fault(*_PROMPT_FAULTS),
        fast=True,
    ),
    Case(
        14,
        "first line of the prompt missing at scoring, scores of the letter before",
        _prompt_and_scores(lambda text: text.partition("\n")[2], lambda row: np.roll(row, -1)),
        fault(*_PROMPT_FAULTS),
    ),
    Case(
        14,
        "prompt as trained, ranking reversed: the forward pass says so",
        _reversed,
        fault("reversed"),
    ),
    Case(14, "healthy: a system turn in training and at scoring", _both_changed, silent()),
)
