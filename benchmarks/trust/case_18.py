"""Advice that names the method that is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.trust.record import Asked, Case, Expected, silent
from benchmarks.trust.world import Only, letters, noise, rows_by, softmax

_ALL = (
    "name", "cutoffs", "tasks", "training_tasks", "population", "item_popularity", "split_times", "letter_table",
    "scoring_prompts", "training_prompts", "next_token_logits", "training_plan", "train", "parameter_changes",
    "score", "score_synthetic", "predict_proba", "score_without_adapter", "score_reloaded",
)  # fmt: skip


def _without(missing: str, **replaced: Callable[..., object]) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        target = letters(seed)
        members = {name: getattr(target, name) for name in _ALL if name != missing}
        return Asked(Only(**{**members, **{name: make(target) for name, make in replaced.items()}}))  # type: ignore[arg-type]

    return build


def _noise(target: object) -> object:
    """Scores that have nothing to do with the user, so that many causes are possible."""
    return rows_by(
        lambda task: np.array([noise([item.text for item in task.history], item.text) for item in task.candidates])
    )


def _noise_proba(target: object) -> object:
    return lambda given: [softmax(row) for row in _noise(target)(given)]  # type: ignore[operator]


def _advice(missing: str, there: tuple[str, ...]) -> Expected:
    return Expected(
        never=("under-trained",),
        says=(missing,),
        not_says=tuple(rf"add (a |the )?`?{name}" for name in there),
    )


def _broken(missing: str, *there: str, sibling: bool = True) -> Case:
    return Case(
        18,
        f"scores of noise, without {missing}()",
        _without(missing, score=_noise, score_synthetic=_noise, predict_proba=_noise_proba, score_reloaded=_noise),
        _advice(missing, there),
        sibling=sibling,
        fast=True,
    )


CASES = (
    _broken("letter_table", "next_token_logits", "scoring_prompts", sibling=False),
    _broken("next_token_logits", "letter_table", "scoring_prompts"),
    _broken("scoring_prompts", "letter_table", "next_token_logits"),
    Case(18, "healthy: without letter_table()", _without("letter_table"), silent()),
    Case(18, "healthy: without scoring_prompts()", _without("scoring_prompts"), silent()),
)
