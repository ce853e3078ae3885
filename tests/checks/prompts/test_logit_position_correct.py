"""logit_position_correct: the letter is read behind the last token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.lettered_prompts import Words, film_tasks, scoring_prompt
from guard.prompt_layouts import judged
from rerank_guard.checks.prompts.logit_position_correct import logit_position_correct
from rerank_guard.core.errors import InvalidTaskError


@pytest.fixture
def prompts():
    words = Words()
    return [scoring_prompt(task, words) for task in film_tasks()]


def read_sooner(prompt, tokens):
    return replace(prompt, read_position=prompt.read_position - tokens)


def test_the_last_token_passes(prompts):
    verdict = judged(logit_position_correct(prompts), None)
    assert verdict.measured == {"broken_prompts": 0, "tokens_too_early": 0}
    assert verdict.n == 12


def test_one_prompt_that_is_read_sooner_is_named(prompts):
    prompts[3] = read_sooner(prompts[3], 4)
    verdict = judged(logit_position_correct(prompts), "wrong-logit-position")
    assert verdict.measured == {"broken_prompts": 1, "tokens_too_early": 4}
    assert "'u3'" in verdict.evidence[0]
    assert "4 token(s)" in verdict.cause


def test_a_distance_that_varies_is_no_figure(prompts):
    verdict = logit_position_correct([read_sooner(prompt, 1 + place % 2) for place, prompt in enumerate(prompts)])
    assert judged(verdict, "wrong-logit-position").measured == {"broken_prompts": 12, "tokens_too_early": 2}
    assert "token(s)" not in verdict.cause
    assert len(verdict.evidence) == 5


def test_no_prompts_are_an_error():
    with pytest.raises(InvalidTaskError, match="no prompts"):
        logit_position_correct([])
