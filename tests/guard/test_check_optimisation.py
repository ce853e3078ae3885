"""training_planned: a hopeless plan is named before its first step, and no workable one is accused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rerank_guard.checks.optimisation import check_training_planned
from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.verdict import Status

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
    verdict = check_training_planned(plan, n)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.cause, verdict.next_step, verdict.evidence) == (None, "", "", ())
    assert next(iter(verdict.measured)) == "steps_at_full_rate"


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (replace(EMBEDDED, n_examples=0), "not-trained"),
        (replace(EMBEDDED, n_examples=0, max_steps=200), "not-trained"),
        (replace(EMBEDDED, epochs=0.0), "not-trained"),
        (replace(EMBEDDED, epochs=None), "not-trained"),
        (replace(EMBEDDED, max_steps=0), "not-trained"),
        (replace(EMBEDDED, examples_per_step=0), "not-trained"),
        (replace(EMBEDDED, trainable_parameters=0), "no-trainable-parameters"),
        (replace(EMBEDDED, learning_rate=0.0), "no-update"),
        (replace(EMBEDDED, learning_rate=3e-8), "no-update"),
        (replace(EMBEDDED, warmup_steps=100_000), "no-update"),
        (replace(EMBEDDED, warmup_steps=400), "under-trained"),
        (replace(EMBEDDED, warmup_steps=200), "under-trained"),
        (replace(EMBEDDED, max_steps=51), "under-trained"),
        (replace(EMBEDDED, max_steps=1), "under-trained"),
        (replace(EMBEDDED, examples_per_step=512), "under-trained"),
        (CHANCE, "under-trained"),
        (replace(CHANCE, max_steps=51), "under-trained"),
        (replace(CHANCE, warmup_steps=0), "under-trained"),
    ],
)
def test_each_hopeless_plan_is_named(plan, fault):
    verdict = check_training_planned(plan, 50)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence
    first = next(iter(verdict.measured))
    assert first in verdict.threshold
    assert verdict.measured[first] <= verdict.threshold[first]


@pytest.mark.parametrize("n", [2, 5, 20, 50, 100])
def test_the_case_that_started_the_project_is_named_for_every_n(n):
    assert check_training_planned(CHANCE, n).fault == "under-trained"
    assert check_training_planned(replace(CHANCE, max_steps=51), n).fault == "under-trained"


def test_it_counts_whole_steps_and_says_how_many_would_do():
    verdict = check_training_planned(CHANCE, 50)
    assert "1,635 examples at 32 a step are 51 whole steps and a rest of 3, in 1 pass" in verdict.cause
    assert "20 of them warm up, which leaves 32 at the full rate" in verdict.cause
    assert verdict.measured["steps_at_full_rate"] == 32
    assert verdict.threshold["steps_at_full_rate"] == 56  # 40, and 500 examples at 32 a step
    assert (
        "at least 61 steps of 32 examples (1.2 passes over 1,635 examples) and cut the warm-up to 5"
        in verdict.next_step
    )
    cured = replace(CHANCE, max_steps=61, warmup_steps=5)
    assert check_training_planned(cured, 50).status is Status.PASSED, "the advice must be enough"
    assert check_training_planned(replace(cured, max_steps=60), 50).status is Status.FAILED


def test_a_warm_up_longer_than_the_run_is_said():
    verdict = check_training_planned(replace(EMBEDDED, warmup_steps=400), 50)
    assert "warm-up of 400 steps is longer than the run" in verdict.cause
    assert verdict.measured["highest_learning_rate"] == pytest.approx(1.5e-3)


def test_neither_epochs_nor_steps_is_said():
    assert "neither epochs nor max_steps" in check_training_planned(replace(EMBEDDED, epochs=None), 50).cause


def test_more_steps_or_larger_batches_never_turn_a_pass_into_a_failure():
    for steps in range(1, 120):
        for batch in (1, 4, 16, 64):
            plan = TrainingPlan(10_000, batch, None, steps, 5, 1e-3)
            if check_training_planned(plan, 20).status is Status.PASSED:
                for better in (replace(plan, max_steps=steps + 1), replace(plan, examples_per_step=2 * batch)):
                    assert check_training_planned(better, 20).status is Status.PASSED


@pytest.mark.parametrize(
    "change",
    [{"learning_rate": -1.0}, {"learning_rate": float("nan")}, {"n_examples": -1}, {"epochs": float("inf")}],
)
def test_impossible_plans_are_errors(change):
    with pytest.raises(RerankGuardError, match=next(iter(change))):
        check_training_planned(replace(EMBEDDED, **change), 50)
    with pytest.raises(InvalidTaskError, match="n_candidates=1"):
        check_training_planned(EMBEDDED, 1)
