"""config_obeyed: settings that the job ignored are named with what was planned and seen; rounding is no fault."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from rerank_guard.checks.config_obeyed import check_config_obeyed
from rerank_guard.errors import InvalidTraceError
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.types import TrainingTrace
from rerank_guard.verdict import MAX_EVIDENCE, Status

PLAN = TrainingPlan(1635, 32, 3.0, None, 20, 2e-4)


def run(plan, *, drop_last=False, after=False, schedule="linear", n=None):
    """The trace of a loop that obeys `plan`; `after` logs the rate after the scheduler's step."""
    examples = plan.n_examples if n is None else n
    sizes, ids = [], []
    while len(sizes) < plan.steps or (plan.max_steps is None and drop_last and len(ids) < plan.examples_seen):
        for start in range(0, examples, plan.examples_per_step):
            batch = range(start, min(start + plan.examples_per_step, examples))
            if drop_last and len(batch) < plan.examples_per_step:
                continue
            sizes.append(len(batch))
            ids.extend(batch)
        if plan.max_steps is None and len(ids) >= math.floor(examples * plan.epochs) - examples // 2:
            break
    if plan.max_steps is not None:
        sizes = sizes[: plan.max_steps]
        ids = ids[: sum(sizes)]
    return trace_of(plan, sizes, ids, after=after, schedule=schedule)


def trace_of(plan, sizes, ids, *, after=False, schedule="linear"):
    steps, seen, first = len(sizes), set(), []
    for example in ids:
        first.append(example not in seen)
        seen.add(example)
    time = np.arange(steps) + (1.0 if after else 0.0)
    up = np.minimum(1.0, time / plan.warmup_steps) if plan.warmup_steps else np.ones(steps)
    down = np.clip((steps - time) / max(1, steps - plan.warmup_steps), 0.0, 1.0)
    shape = {
        "linear": np.minimum(up, down),
        "constant": up,
        "cosine": np.minimum(up, np.sin(down * np.pi / 2) ** 2),
    }
    return TrainingTrace(
        letter_nll=np.full(len(ids), 2.0),
        n_candidates=np.full(len(ids), 50, dtype=np.int64),
        example_step=np.repeat(np.arange(steps), sizes),
        first_pass=np.array(first, dtype=np.bool_),
        learning_rate=plan.learning_rate * shape[schedule],
        gradient_norm=np.ones(steps),
        planned_steps=plan.steps,
        trainable_parameters=1000,
        seconds=1.0,
    )


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("schedule", ["linear", "constant", "cosine"])
@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        replace(PLAN, epochs=1.0),
        replace(PLAN, warmup_steps=0),
        replace(PLAN, max_steps=51),
        TrainingPlan(3200, 16, 1.0, None, 10, 3e-3),
        TrainingPlan(320 * 64, 64, None, 320, 20, 1e-3),
        TrainingPlan(48, 32, 4.0, None, 2, 1e-3),
        TrainingPlan(96, 32, 1.0, None, 1, 1e-3),
        TrainingPlan(3200, 16, 1.0, None, 400, 3e-3),  # warm-up longer than the run: another check's matter
    ],
)
def test_obedient_jobs_pass(plan, after, drop_last, schedule):
    trace = run(plan, drop_last=drop_last, after=after, schedule=schedule)
    verdict = check_config_obeyed(plan, trace)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.evidence) == (None, ())


def test_a_job_that_ended_early_because_its_verdicts_were_in_passes_and_one_that_broke_off_does_not():
    plan = replace(PLAN, max_steps=100)
    whole = run(replace(PLAN, max_steps=60))
    early = replace(whole, learning_rate=run(plan).learning_rate[:60], stopped_early=True, planned_steps=100)
    assert check_config_obeyed(plan, early).status is Status.PASSED
    assert check_config_obeyed(plan, replace(early, stopped_early=False)).fault == "config-ignored"


def test_few_examples_in_a_batch_larger_than_them_and_an_incomplete_record_pass():
    plan = TrainingPlan(10, 32, 5.0, None, 0, 1e-3)
    assert check_config_obeyed(plan, run(plan)).status is Status.PASSED
    trace = run(PLAN)
    kept = trace.example_step % 3 == 0  # losses recorded at every third step
    sparse = replace(
        trace,
        letter_nll=trace.letter_nll[kept],
        n_candidates=trace.n_candidates[kept],
        example_step=trace.example_step[kept],
        first_pass=trace.first_pass[kept],
    )
    assert check_config_obeyed(PLAN, sparse).status is Status.PASSED


def test_sampling_with_replacement_passes():
    rng = np.random.default_rng(0)
    for n in (50, 500, 5000):
        plan = TrainingPlan(n, 16, 2.0, None, 5, 1e-3)
        trace = trace_of(plan, [16] * plan.steps, rng.integers(n, size=16 * plan.steps).tolist())
        assert check_config_obeyed(plan, trace).status is Status.PASSED


@pytest.mark.parametrize(
    ("ran", "setting", "row"),
    [
        (
            replace(PLAN, learning_rate=5e-5),
            "learning_rate",
            "planned 0.0002, seen 5e-05 at most (5e-05 is the default",
        ),
        (replace(PLAN, learning_rate=1e-4), "learning_rate", "planned 0.0002, seen 0.0001 at most"),
        (replace(PLAN, learning_rate=1e-3), "learning_rate", "planned 0.0002, seen 0.001 at most"),
        (replace(PLAN, learning_rate=0.0), "learning_rate", "planned 0.0002, seen 0 at most"),
        (replace(PLAN, epochs=1.0), "steps", "planned 156, seen 52"),
        (replace(PLAN, epochs=10.0), "steps", "planned 156, seen 520"),
        (replace(PLAN, max_steps=51), "steps", "planned 156, seen 51"),
        (replace(PLAN, examples_per_step=16), "examples_per_step", "planned 32, seen 16 at most"),
        (replace(PLAN, examples_per_step=16, max_steps=156), "examples_per_step", "planned 32, seen 16 at most"),
        (replace(PLAN, examples_per_step=64, max_steps=156), "examples_per_step", "planned 32, seen 6"),
    ],
)
def test_each_ignored_setting_is_named(ran, setting, row):
    verdict = check_config_obeyed(PLAN, run(ran))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")
    assert setting in verdict.cause
    assert any(line.startswith(f"{setting}: {row}") for line in verdict.evidence), verdict.evidence
    assert len(verdict.evidence) <= MAX_EVIDENCE
    assert verdict.measured["settings_ignored"] >= 1


def test_a_job_that_repeats_a_part_of_its_data_is_named():
    plan = TrainingPlan(3200, 16, None, 200, 10, 3e-3)
    verdict = check_config_obeyed(plan, run(plan, n=400))
    assert verdict.fault == "config-ignored"
    assert verdict.evidence[0].startswith("passes: planned 1, seen 8 over 400 of 3,200 examples")


def test_a_job_without_a_step_is_not_trained():
    trace = run(PLAN)
    empty = replace(
        trace,
        letter_nll=np.zeros(0),
        n_candidates=np.zeros(0, dtype=np.int64),
        example_step=np.zeros(0, dtype=np.int64),
        first_pass=np.zeros(0, dtype=np.bool_),
        learning_rate=np.zeros(0),
        gradient_norm=np.zeros(0),
    )
    verdict = check_config_obeyed(PLAN, empty)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "not-trained")
    assert verdict.measured["steps"] == 0
    assert verdict.evidence


def test_a_learning_rate_that_is_no_number_is_an_error():
    trace = run(PLAN)
    with pytest.raises(InvalidTraceError, match="learning_rate nan"):
        check_config_obeyed(PLAN, replace(trace, learning_rate=np.full(trace.optimizer_steps, np.nan)))


def test_a_schedule_that_ends_before_the_job_is_named():
    plan = TrainingPlan(3200, 16, 1.0, None, 10, 1e-3)
    steps = np.arange(200)
    for share, fault in ((1.0, None), (0.6, None), (0.1, "config-ignored")):
        rates = 1e-3 * np.where(steps < 10, (steps + 1) / 10, np.maximum(0.0, 1.0 - (steps - 10) / (190 * share)))
        trace = replace(make_trace(np.full(3200, 3.0), steps=200), learning_rate=rates)
        verdict = check_config_obeyed(plan, trace)
        assert verdict.fault == fault, share


def test_repeats_that_are_recorded_as_fresh_are_named():
    """160 examples, 20 passes, and a running number for each: more first passes than there are examples."""
    plan = TrainingPlan(160, 16, 20.0, None, 10, 1e-3)
    fresh = make_trace(np.full(3200, 3.0), steps=200)
    assert check_config_obeyed(plan, fresh).fault == "config-ignored"
    honest = replace(fresh, first_pass=np.arange(3200) < 160)
    assert check_config_obeyed(plan, honest).fault is None
