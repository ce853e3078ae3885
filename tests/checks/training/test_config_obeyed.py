"""config_obeyed: settings that the job ignored are named with what was planned and seen; rounding is no fault."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_trace
from guard.limits import missed
from rerank_guard.checks.training.config_obeyed import config_obeyed
from rerank_guard.core.errors import InvalidTraceError, SettingError
from rerank_guard.core.finding import Strength
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

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


@pytest.mark.parametrize(
    ("plan", "loop"),
    [
        (PLAN, {}),
        (PLAN, {"after": True}),
        (PLAN, {"drop_last": True}),
        (PLAN, {"schedule": "constant"}),
        (PLAN, {"schedule": "cosine"}),
        (replace(PLAN, epochs=1.0), {}),
        (replace(PLAN, warmup_steps=0), {}),
        (replace(PLAN, max_steps=51), {}),
        (TrainingPlan(320 * 64, 64, None, 320, 20, 1e-3), {}),
        (TrainingPlan(48, 32, 4.0, None, 2, 1e-3), {"drop_last": True}),
        (TrainingPlan(96, 32, 1.0, None, 1, 1e-3), {"after": True}),
        (TrainingPlan(3200, 16, 1.0, None, 400, 3e-3), {}),  # warm-up longer than the run: another check's matter
    ],
)
def test_jobs_that_obey_their_plan_pass(plan, loop):
    verdict = config_obeyed(plan, run(plan, **loop))
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.evidence) == (None, ())
    assert missed(verdict) == set()


def test_a_job_that_ended_early_because_its_verdicts_were_in_passes_and_one_that_broke_off_does_not():
    plan = replace(PLAN, max_steps=100)
    whole = run(replace(PLAN, max_steps=60))
    early = replace(whole, learning_rate=run(plan).learning_rate[:60], stopped_early=True, planned_steps=100)
    assert config_obeyed(plan, early).status is Status.PASSED
    assert config_obeyed(plan, replace(early, stopped_early=False)).fault == "config-ignored"


def test_one_step_more_or_less_is_let_pass():
    plan = replace(PLAN, max_steps=100)
    for steps, fault in ((98, "config-ignored"), (99, None), (101, None), (102, "config-ignored")):
        assert config_obeyed(plan, run(replace(plan, max_steps=steps))).fault == fault


def test_passes_may_drop_keep_or_pad_their_rest():
    # 51 whole steps and a rest in each of 3 passes: from 3 * 51 - 1 up to 3 * 52 + 1 + 3
    for steps, fault in ((151, "config-ignored"), (152, None), (160, None), (161, "config-ignored")):
        trace = run(replace(PLAN, max_steps=steps))
        assert config_obeyed(PLAN, replace(trace, planned_steps=156)).fault == fault


def test_few_examples_in_a_batch_larger_than_them_and_an_incomplete_record_pass():
    plan = TrainingPlan(10, 32, 5.0, None, 0, 1e-3)
    assert config_obeyed(plan, run(plan)).status is Status.PASSED
    trace = run(PLAN)
    kept = trace.example_step % 5 == 0  # losses recorded at every fifth step, the last one included
    sparse = replace(
        trace,
        letter_nll=trace.letter_nll[kept],
        n_candidates=trace.n_candidates[kept],
        example_step=trace.example_step[kept],
        first_pass=trace.first_pass[kept],
    )
    verdict = config_obeyed(PLAN, sparse)
    assert verdict.status is Status.PASSED
    assert "passes" not in verdict.measured


@pytest.mark.parametrize("n", [50, 5000])
def test_sampling_with_replacement_passes(n):
    plan = TrainingPlan(n, 16, 2.0, None, 5, 1e-3)
    ids = np.random.default_rng(0).integers(n, size=16 * plan.steps).tolist()
    assert config_obeyed(plan, trace_of(plan, [16] * plan.steps, ids)).status is Status.PASSED


@pytest.mark.parametrize(
    ("ran", "setting", "planned", "seen"),
    [
        (replace(PLAN, learning_rate=5e-5), "learning_rate", 2e-4, 5e-5),
        (replace(PLAN, learning_rate=1e-4), "learning_rate", 2e-4, 1e-4),
        (replace(PLAN, learning_rate=1e-3), "learning_rate", 2e-4, 1e-3),
        (replace(PLAN, learning_rate=0.0), "learning_rate", 2e-4, 0.0),
        (replace(PLAN, epochs=1.0), "steps", 156, 52),
        (replace(PLAN, epochs=10.0), "steps", 156, 520),
        (replace(PLAN, max_steps=51), "steps", 156, 51),
        (replace(PLAN, examples_per_step=16), "examples_per_step", 32, 16),
        (replace(PLAN, examples_per_step=16, max_steps=156), "examples_per_step", 32, 16),
        (replace(PLAN, examples_per_step=64, max_steps=156), "examples_per_step", 32, pytest.approx(63, abs=1)),
    ],
)
def test_each_ignored_setting_is_named(ran, setting, planned, seen):
    verdict = config_obeyed(PLAN, run(ran))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "config-ignored")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert setting in verdict.cause
    assert verdict.measured[setting] == seen
    assert verdict.threshold[setting] == planned
    assert any(row.startswith(f"{setting}: planned {planned:g}, seen ") for row in verdict.evidence)
    assert len(verdict.evidence) <= MAX_EVIDENCE
    assert verdict.measured["settings_ignored"] >= 1
    assert missed(verdict) == {"settings_ignored"}


def test_a_rate_that_is_some_librarys_default_is_shown_with_the_library():
    def rows(rate):
        return config_obeyed(PLAN, run(replace(PLAN, learning_rate=rate))).evidence

    assert "TrainingArguments" in rows(5e-5)[0]
    assert "Adam" in rows(1e-3)[0]
    assert "default" not in rows(1e-4)[0]


@pytest.mark.parametrize(
    ("after", "rate", "fault"),
    [
        (20, 0.79, "config-ignored"),
        (20, 0.81, None),
        (20, 1.09, None),
        (20, 1.11, "config-ignored"),
        (19, 0.79, None),
        (19, 0.51, None),
        (19, 0.49, "config-ignored"),
        (2, 0.49, "config-ignored"),
        (1, 0.1, None),
    ],
)
def test_the_peak_is_bounded_by_how_long_the_job_ran_after_its_warm_up(after, rate, fault):
    plan = TrainingPlan(16 * (30 + after), 16, None, 30 + after, 30, 1e-3)
    trace = make_trace(np.full(plan.n_examples, 3.0), steps=plan.steps, learning_rate=rate * 1e-3)
    assert config_obeyed(plan, trace).fault == fault


def test_a_job_that_repeats_a_part_of_its_data_is_named():
    plan = TrainingPlan(3200, 16, None, 200, 10, 3e-3)
    verdict = config_obeyed(plan, run(plan, n=400))
    assert verdict.fault == "config-ignored"
    assert (verdict.measured["passes"], verdict.threshold["passes"]) == (8.0, 1.0)
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
    verdict = config_obeyed(PLAN, empty)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "not-trained")
    assert verdict.measured == {"steps": 0}
    assert verdict.threshold == {"steps": 1}
    assert missed(verdict) == {"steps"}
    assert "156" in verdict.evidence[0]


def test_a_learning_rate_that_is_no_number_is_an_error():
    trace = run(PLAN)
    rates = np.where(np.arange(trace.optimizer_steps) < 7, trace.learning_rate, np.nan)
    with pytest.raises(InvalidTraceError, match="step 7 of the trace has learning_rate nan"):
        config_obeyed(PLAN, replace(trace, learning_rate=rates))


def test_a_schedule_that_ends_before_the_job_is_named():
    plan = TrainingPlan(3200, 16, 1.0, None, 10, 1e-3)
    steps = np.arange(200)
    for share, fault in ((1.0, None), (0.97, None), (0.6, "config-ignored"), (0.1, "config-ignored")):
        rates = 1e-3 * np.where(steps < 10, (steps + 1) / 10, np.maximum(0.0, 1.0 - (steps - 10) / (190 * share)))
        trace = replace(make_trace(np.full(3200, 3.0), steps=200), learning_rate=rates)
        assert config_obeyed(plan, trace).fault == fault, share


@pytest.mark.parametrize(("alive", "fault"), [(0.51, None), (0.49, "config-ignored")])
def test_half_of_the_steps_after_the_warm_up_need_a_learning_rate(alive, fault):
    plan = TrainingPlan(3200, 16, 1.0, None, 0, 1e-3)
    rates = np.where(np.arange(200) < 200 * alive, 1e-3, 0.9e-6)
    verdict = config_obeyed(plan, replace(make_trace(np.full(3200, 3.0), steps=200), learning_rate=rates))
    assert verdict.fault == fault
    assert verdict.measured["steps_with_a_learning_rate"] == 200 * alive
    rates[rates < 1e-5] = 1.1e-6
    assert (
        config_obeyed(plan, replace(make_trace(np.full(3200, 3.0), steps=200), learning_rate=rates)).fault is None
    )


def test_the_schedule_is_judged_from_20_steps_on_and_of_a_job_with_a_rate():
    for steps, judged in ((20, True), (19, False)):
        plan = TrainingPlan(16 * steps, 16, None, steps, 0, 1e-3)
        measured = config_obeyed(plan, make_trace(np.full(16 * steps, 3.0), steps=steps)).measured
        assert ("steps_with_a_learning_rate" in measured) is judged
    dead = config_obeyed(PLAN, run(replace(PLAN, learning_rate=0.0)))
    assert "steps_with_a_learning_rate" not in dead.measured


@pytest.mark.parametrize(
    ("size", "fault"), [(0.89, "config-ignored"), (0.91, None), (1.09, None), (1.11, "config-ignored")]
)
def test_a_step_may_hold_a_tenth_more_or_fewer_examples(size, fault):
    plan = TrainingPlan(8000, 100, None, 40, 0, 1e-3)
    verdict = config_obeyed(plan, make_trace(np.full(round(100 * size) * 40, 3.0), steps=40))
    assert verdict.fault == fault
    assert verdict.measured["examples_per_step"] == pytest.approx(100 * size)


def test_one_example_a_step_is_judged_as_any_other_number():
    plan = TrainingPlan(100, 1, 1.0, None, 0, 1e-3)
    for steps, fault in ((98, "config-ignored"), (99, None), (102, None), (103, "config-ignored")):
        verdict = config_obeyed(plan, make_trace(np.full(steps, 3.0), steps=steps, planned=100))
        assert verdict.fault == fault
        assert (verdict.measured["examples_per_step"], verdict.measured["passes"]) == (1, 1.0)


@pytest.mark.parametrize(("distinct", "fault"), [(1680, "config-ignored"), (1690, None)])
def test_fewer_distinct_examples_than_sampling_with_replacement_gives_are_named(distinct, fault):
    # 3200 draws of 3200 show 2023 examples: 0.9 of these, less 3 times the root of 2023, are 1686
    plan = TrainingPlan(3200, 16, 1.0, None, 0, 1e-3)
    trace = make_trace(np.full(3200, 3.0), steps=200, first_pass=np.arange(3200) < distinct)
    assert config_obeyed(plan, trace).fault == fault


@pytest.mark.parametrize(("distinct", "fault"), [(1090, None), (1110, "config-ignored")])
def test_a_tenth_more_fresh_examples_than_there_are_is_let_pass(distinct, fault):
    plan = TrainingPlan(1000, 16, None, 200, 0, 1e-3)
    trace = make_trace(np.full(3200, 3.0), steps=200, first_pass=np.arange(3200) < distinct)
    assert config_obeyed(plan, trace).fault == fault


def test_examples_recorded_after_the_last_step_do_not_count():
    trace = make_trace(np.full(3200, 3.0), steps=200)
    short = replace(trace, learning_rate=trace.learning_rate[:199], gradient_norm=trace.gradient_norm[:199])
    verdict = config_obeyed(TrainingPlan(3200, 16, 1.0, None, 0, 1e-3), short)
    assert verdict.status is Status.PASSED
    assert "passes" in verdict.measured


@pytest.mark.parametrize("change", [{"examples_per_step": 0}, {"n_examples": 0}])
def test_a_plan_without_examples_is_judged_by_its_steps_alone(change):
    plan = replace(TrainingPlan(3200, 16, None, 200, 0, 1e-3), **change)
    verdict = config_obeyed(plan, make_trace(np.full(3200, 3.0), steps=200))
    assert verdict.status is Status.PASSED
    assert not {"examples_per_step", "passes"} & set(verdict.measured)


def test_repeats_that_are_recorded_as_fresh_are_named():
    """160 examples, 20 passes, and a running number for each: more first passes than there are examples."""
    plan = TrainingPlan(160, 16, 20.0, None, 10, 1e-3)
    fresh = make_trace(np.full(3200, 3.0), steps=200)
    assert config_obeyed(plan, fresh).fault == "config-ignored"
    honest = replace(fresh, first_pass=np.arange(3200) < 160)
    assert config_obeyed(plan, honest).fault is None


def test_evidence_of_everything_ignored_at_once_fits():
    plan = TrainingPlan(3200, 16, 1.0, None, 10, 1e-3)
    rates = np.where(np.arange(300) < 20, 5e-3, 0.0)
    trace = replace(make_trace(np.full(300 * 40, 3.0), steps=300, planned=300), learning_rate=rates)
    verdict = config_obeyed(plan, trace)
    assert verdict.measured["settings_ignored"] == 5
    assert len(verdict.evidence) == MAX_EVIDENCE
    assert "300" in verdict.evidence[-1], "what the job itself counted on"


def test_the_tolerance_is_a_setting():
    trace = run(replace(PLAN, learning_rate=1.15 * PLAN.learning_rate))
    assert config_obeyed(PLAN, trace).fault == "config-ignored"
    assert config_obeyed(PLAN, trace, tolerance=0.2).status is Status.PASSED
    smaller = run(replace(PLAN, examples_per_step=30, max_steps=156))
    assert config_obeyed(replace(PLAN, max_steps=156), smaller).status is Status.PASSED
    assert config_obeyed(replace(PLAN, max_steps=156), smaller, tolerance=0.05).fault == "config-ignored"
    for wrong in (-1, 1.0):
        with pytest.raises(SettingError, match=f"tolerance={wrong}"):
            config_obeyed(PLAN, trace, tolerance=wrong)


def test_an_idle_end_and_another_warm_up_can_be_allowed():
    plan = TrainingPlan(3200, 16, 1.0, None, 20, 1e-3)
    steps = np.arange(200)
    idle = 1e-3 * np.where(steps < 20, (steps + 1) / 20, np.where(steps < 180, 1.0, 0.0))
    early = 1e-3 * np.minimum(1.0, (steps + 1) / 8)
    for rates, allowed in ((idle, {"max_idle": 0.2}), (early, {"warmup_tolerance": 0.7})):
        trace = replace(make_trace(np.full(3200, 3.0), steps=200), learning_rate=rates)
        assert config_obeyed(plan, trace).fault == "config-ignored"
        assert config_obeyed(plan, trace, **allowed).fault is None


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, Status.FAILED), ({"pace_fits": 1e-6}, Status.PASSED), ({"pace_differs": 0.9}, Status.PASSED)],
)
def test_how_near_to_a_schedule_of_another_pace_is_a_setting(settings, status):
    """A linear schedule of half the steps, a little off its course; that it ends early is let pass."""
    plan = TrainingPlan(
        n_examples=6400,
        examples_per_step=16,
        epochs=1.0,
        max_steps=None,
        warmup_steps=0,
        learning_rate=2e-4,
        trainable_parameters=None,
    )
    progress = 2.0 * np.arange(400) / 400
    rates = np.maximum(0.0, 1.0 - progress) * (1.0 + 1e-3 * np.sin(9.0 * progress))
    trace = replace(make_trace(np.full(6400, 2.0), n=20, steps=400, planned=400), learning_rate=2e-4 * rates)
    verdict = config_obeyed(plan, trace, max_idle=0.99, min_alive=0.01, **settings)
    assert verdict.status is status
