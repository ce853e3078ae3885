"""The assertions raise with the verdict's text unless it passed, and return it when it did."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import rerank_guard.assertions as assertions
import rerank_guard.checks as checks
from guard.builders import (
    chance_nll,
    learned_nll,
    make_letter_table,
    make_task,
    make_trace,
    random_tasks,
    scores_that_hit,
)
from rerank_guard.verdict import Status

RNG = np.random.default_rng(0)
TASKS = random_tasks(RNG, [20] * 200)

SOUND_AND_SABOTAGED = {
    "gt_in_candidates": ((TASKS,), ([make_task(None, 5)],), {}, "gt-missing"),
    "letter_tokens_found": ((make_letter_table(20), 20), (make_letter_table(5), 20), {}, "letters-exhausted"),
    "loss_below_random": (
        (make_trace(learned_nll(RNG, 2000)),),
        (make_trace(chance_nll(RNG, 2000), learning_rate=0.0),),
        {},
        "no-update",
    ),
    "probabilities_not_uniform": (
        (list(RNG.dirichlet(np.full(20, 0.1), size=100)),),
        ([np.full(20, 0.05)] * 100,),
        {},
        "silent-fallback",
    ),
    "recall_beats_baseline": (
        (scores_that_hit(TASKS, [True] * 200), TASKS),
        (scores_that_hit(TASKS, [False] * 200), TASKS),
        {"k": 5, "baselines": {}},
        "reversed",
    ),
}


@pytest.mark.parametrize("name", SOUND_AND_SABOTAGED)
def test_an_assertion_returns_the_verdict_or_raises_with_its_text(name):
    sound, sabotaged, options, fault = SOUND_AND_SABOTAGED[name]
    assertion = getattr(assertions, f"assert_{name}")
    verdict = assertion(*sound, **options)
    assert verdict.status is Status.PASSED
    with pytest.raises(AssertionError) as caught:
        assertion(*sabotaged, **options)
    text = str(caught.value)
    for words in ("FAILED", name, fault, "next step"):
        assert words in text, f"{words!r} is missing from:\n{text}"


@pytest.mark.parametrize("name", SOUND_AND_SABOTAGED)
def test_an_assertion_takes_what_its_check_takes(name):
    assertion, check = getattr(assertions, f"assert_{name}"), getattr(checks, f"check_{name}")
    assert inspect.signature(assertion) == inspect.signature(check)


def test_the_five_assertions_are_the_ones_tested():
    assert set(assertions.__all__) == {f"assert_{name}" for name in SOUND_AND_SABOTAGED}


def test_an_inconclusive_verdict_raises_too():
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        assertions.assert_loss_below_random(make_trace(np.full(6, 3.0)))
