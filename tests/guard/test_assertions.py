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
from rerank_guard.population import Population
from rerank_guard.split_times import SplitTimes
from rerank_guard.stored import stored_run_of
from rerank_guard.verdict import Status, Verdict

RNG = np.random.default_rng(0)
TASKS = random_tasks(RNG, [20] * 200)
GOOD, BAD = (scores_that_hit(TASKS, [user % 4 < share for user in range(200)]) for share in (3, 2))
STORED = stored_run_of(GOOD, TASKS, target="tiny", created="2026-01-31", seed=0, versions={}, conditions=None)


def split(train_time):
    return SplitTimes(["u"], [train_time], ["u"], [2], claim="leave-last-out")


def slot_trace(knowledge):
    """A job whose first slot is right half of the time, and which knows of the target this much, in logits."""
    rng = np.random.default_rng(3)
    slots = np.where(rng.random(4000) < 0.5, 0, rng.integers(50, size=4000))
    logits = rng.normal(scale=0.3, size=(4000, 50))
    logits[:, 0] += np.log(51.0)
    logits[np.arange(4000), slots] += knowledge
    nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4000), slots]
    return make_trace(nll, target_index=slots)


SOUND_AND_SABOTAGED = {
    "gt_in_candidates": ((TASKS,), ([make_task(None, 5)],), {}, "gt-missing"),
    "letter_tokens_found": ((make_letter_table(20), 20), (make_letter_table(5), 20), {}, "letters-exhausted"),
    "loss_below_random": (
        (make_trace(learned_nll(RNG, 2000)),),
        (make_trace(chance_nll(RNG, 2000), learning_rate=0.0),),
        {},
        "no-update",
    ),
    "loss_below_letter_prior": ((slot_trace(1.0),), (slot_trace(0.0),), {}, "position-prior"),
    "no_future_training_data": ((split(1),), (split(3),), {}, "temporal-leak"),
    "no_regression": (
        (GOOD, TASKS, STORED),
        (BAD, TASKS, STORED),
        {"k": 5, "conditions": None},
        "regression",
    ),
    "recall_ceiling_of_targets": (([50] * 9, 20, 0.4), ([50] * 9, 20, 0.5), {}, "metric-wrong"),
    "users_accounted_for": (
        (GOOD, TASKS),
        (GOOD[1:], TASKS[1:]),
        {"k": 5, "population": Population(200)},
        "survivorship",
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


def test_every_assertion_is_tested():
    assert set(assertions.__all__) == {"assert_passed", *(f"assert_{name}" for name in SOUND_AND_SABOTAGED)}


@pytest.mark.parametrize("status", Status)
def test_any_verdict_is_asserted(status):
    verdict = Verdict("my_own", status, "the claim", {}, {}, n=1, cause="why not")
    if status is Status.PASSED:
        assert assertions.assert_passed(verdict) is verdict
        return
    with pytest.raises(AssertionError, match="my_own") as caught:
        assertions.assert_passed(verdict)
    assert "why not" in str(caught.value)


def test_an_inconclusive_verdict_raises_too():
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        assertions.assert_loss_below_random(make_trace(np.full(6, 3.0)))
