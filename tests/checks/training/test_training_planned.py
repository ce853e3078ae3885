"""training_planned: a plan that cannot leave chance is named before its first step, and no workable one fails."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from guard.builders import make_tasks
from guard.limits import missed
from rerank_guard.checks.training.training_planned import training_planned
from rerank_guard.core.errors import InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.verdict import Status

EMBEDDED = TrainingPlan(
    n_examples=3200,
    examples_per_step=16,
    epochs=1.0,
    max_steps=None,
    warmup_steps=10,
    learning_rate=3e-3,
    trainable_parameters=16_000,
)
CHANCE = TrainingPlan(1635, 32, 1.0, None, 20, 2e-4)


def judged(plan, n=50, **settings):
    return training_planned(plan, make_tasks([0, 0], [1, n]), **settings)


@pytest.mark.parametrize(
    ("plan", "n"),
    [
        (EMBEDDED, 50),
        (replace(EMBEDDED, trainable_parameters=None), 50),
        (TrainingPlan(320 * 64, 64, None, 320, 20, 1e-3), 20),
        (TrainingPlan(3200, 32, 1.0, None, 10, 3e-3), 50),  # 100 steps of 32 did learn
        (TrainingPlan(800, 4, 1.0, None, 20, 2e-4), 50),  # LoRA on a larger base: 200 steps of 4
        (TrainingPlan(200, 1, 5.0, None, 0, 1e-4), 50),
        (TrainingPlan(30_720, 512, 1.0, None, 6, 1e-3), 50),  # few steps, many examples
        (TrainingPlan(64, 16, 50.0, None, 10, 1e-4), 26),  # few examples, many passes
        (TrainingPlan(1635, 32, 3.0, None, 20, 2e-4), 50),
        (TrainingPlan(3200, 16, None, 200, 0, 1e-6), 2),  # all weights of a large model
    ],
)
def test_workable_plans_pass(plan, n):
    verdict = judged(plan, n)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.suspects, verdict.cause, verdict.next_step, verdict.evidence) == (
        None,
        (),
        "",
        "",
        (),
    )
    assert next(iter(verdict.measured)) == "steps_at_full_rate"
    assert verdict.measured["highest_learning_rate"] == plan.learning_rate
    assert verdict.threshold["steps"] == verdict.threshold.get("trainable_parameters", 1) == 1
    assert missed(verdict) == set()


@pytest.mark.parametrize(
    ("plan", "fault", "figure"),
    [
        (replace(EMBEDDED, n_examples=0), "not-trained", "steps"),
        (replace(EMBEDDED, n_examples=0, max_steps=200), "not-trained", "steps"),
        (replace(EMBEDDED, epochs=0.0), "not-trained", "steps"),
        (replace(EMBEDDED, epochs=None), "not-trained", "steps"),
        (replace(EMBEDDED, max_steps=0), "not-trained", "steps"),
        (replace(EMBEDDED, examples_per_step=0), "not-trained", "steps"),
        (replace(EMBEDDED, examples_per_step=0, max_steps=200), "not-trained", "steps"),
        (replace(EMBEDDED, trainable_parameters=0), "no-trainable-parameters", "trainable_parameters"),
        (replace(EMBEDDED, learning_rate=0.0), "no-update", "highest_learning_rate"),
        (replace(EMBEDDED, learning_rate=3e-8), "no-update", "highest_learning_rate"),
        (replace(EMBEDDED, learning_rate=1e-7), "no-update", "highest_learning_rate"),
        (replace(EMBEDDED, warmup_steps=100_000), "no-update", "highest_learning_rate"),
        (
            replace(EMBEDDED, warmup_steps=20_000),
            "under-trained",
            "steps_at_full_rate",
        ),  # 1 % of the rate is reached
        (replace(EMBEDDED, warmup_steps=400), "under-trained", "steps_at_full_rate"),
        (replace(EMBEDDED, warmup_steps=200), "under-trained", "steps_at_full_rate"),
        (replace(EMBEDDED, max_steps=51), "under-trained", "steps_at_full_rate"),
        (replace(EMBEDDED, max_steps=1), "under-trained", "steps_at_full_rate"),
        (replace(EMBEDDED, examples_per_step=512), "under-trained", "steps_at_full_rate"),
        (CHANCE, "under-trained", "steps_at_full_rate"),
        (replace(CHANCE, max_steps=51), "under-trained", "steps_at_full_rate"),
        (replace(CHANCE, warmup_steps=0), "under-trained", "steps_at_full_rate"),
    ],
)
def test_each_plan_that_cannot_work_is_named(plan, fault, figure):
    verdict = judged(plan)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.suspects[0].strength is Strength.SEEN, "a symptom's name too: the plan's own numbers show it"
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence
    assert next(iter(verdict.measured)) == figure
    assert figure in missed(verdict)


@pytest.mark.parametrize("n", [2, 100])
def test_the_largest_list_counts_and_a_short_job_is_named_for_every_n(n):
    assert judged(CHANCE, n).fault == "under-trained"
    assert judged(replace(CHANCE, max_steps=51), n).fault == "under-trained"
    assert judged(EMBEDDED, n).threshold["steps_at_full_rate"] == {2: 42, 100: 103}[n]
    one_a_step = replace(EMBEDDED, examples_per_step=1)
    assert judged(one_a_step, n).threshold["steps_at_full_rate"] == 40 + 10 * n


def test_it_counts_whole_steps_and_its_advice_is_enough():
    verdict = judged(CHANCE)
    assert verdict.measured["steps_at_full_rate"] == 32
    assert verdict.measured["examples_at_full_rate"] == 32 * 32
    assert verdict.threshold["steps_at_full_rate"] == 56  # 40, and 500 examples at 32 a step
    assert {"1,635", "51", "3", "20", "32"} <= numbers(verdict.cause)  # 51 whole steps and a rest of 3
    assert {"61", "1.2", "5"} <= numbers(verdict.next_step)  # steps, passes, warm-up
    cured = replace(CHANCE, max_steps=61, warmup_steps=5)
    assert judged(cured).status is Status.PASSED
    assert judged(replace(cured, max_steps=60)).status is Status.FAILED


def numbers(text):
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def test_the_highest_rate_of_a_warm_up_longer_than_the_run_is_measured():
    verdict = judged(replace(EMBEDDED, warmup_steps=400))
    assert verdict.measured["highest_learning_rate"] == pytest.approx(1.5e-3)
    assert verdict.measured["steps_at_full_rate"] == 0
    assert "400" in numbers(verdict.cause)


def test_a_plan_without_epochs_and_steps_is_told_from_one_without_examples():
    unset, empty = judged(replace(EMBEDDED, epochs=None)), judged(replace(EMBEDDED, n_examples=0))
    assert unset.cause != empty.cause


def test_more_steps_or_larger_batches_never_turn_a_pass_into_a_failure():
    passed = 0
    for steps in range(46, 60, 2):
        for batch in (4, 16, 64):
            plan = TrainingPlan(10_000, batch, None, steps, 5, 1e-3)
            if judged(plan, 20).status is Status.PASSED:
                passed += 1
                for better in (replace(plan, max_steps=steps + 1), replace(plan, examples_per_step=2 * batch)):
                    assert judged(better, 20).status is Status.PASSED
    assert 0 < passed < 21


def test_settings_move_the_threshold():
    assert judged(CHANCE, least_steps=16).status is Status.PASSED
    assert judged(CHANCE, least_steps=17).status is Status.FAILED
    assert judged(CHANCE, least_steps=32, showings_per_letter=0).status is Status.PASSED
    assert judged(CHANCE, least_steps=0, showings_per_letter=20).status is Status.PASSED
    assert judged(CHANCE, least_steps=30, showings_per_letter=1).status is Status.PASSED
    assert judged(CHANCE, least_steps=31, showings_per_letter=1).status is Status.FAILED


@pytest.mark.parametrize("setting", ["least_steps", "showings_per_letter"])
def test_settings_below_zero_are_errors(setting):
    with pytest.raises(RerankGuardError, match=f"{setting}=-1"):
        judged(EMBEDDED, **{setting: -1})


@pytest.mark.parametrize(
    "change",
    [{"learning_rate": -1.0}, {"learning_rate": float("nan")}, {"n_examples": -1}, {"epochs": float("inf")}],
)
def test_impossible_plans_are_errors(change):
    with pytest.raises(RerankGuardError, match=next(iter(change))):
        judged(replace(EMBEDDED, **change))


def test_tasks_without_a_choice_are_errors():
    with pytest.raises(InvalidTaskError, match="1 candidate"):
        judged(EMBEDDED, 1)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        training_planned(EMBEDDED, [])
