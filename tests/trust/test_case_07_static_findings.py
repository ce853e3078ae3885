"""A static finding stops the job where scores would mean little; where they would not, the rest is judged all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.special import softmax

from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.verdict import Status
from rerank_guard.faults.healthy.tokenizer import LETTERS, encode
from rerank_guard.suite import RunSettings
from trust.judged_variants import report_on, trained, verdicts, with_status


def uncleaned(tasks):
    """Prompts with each title as it is, line breaks included."""
    prompts = []
    for task in tasks:
        seen = "; ".join(item.text for item in task.history)
        listed = "\n".join(f"{letter}. {item.text}" for letter, item in zip(LETTERS, task.candidates, strict=False))
        text = f"You rank films for one person.\nSeen: {seen}\nCandidates:\n{listed}\nAnswer:\n"
        prompts.append(ScoringPrompt(task.query_id, text, encode(text), len(encode(text)) - 1))
    return prompts


def training(change, every):
    """training_tasks() of which one in `every` is changed."""
    tasks = [change(task) if row % every == 0 else task for row, task in enumerate(trained().training_tasks())]
    return lambda: tasks


def negative_twice(task):
    a, b = _two(task)
    listed = list(task.candidates)
    listed[b] = listed[a]
    return replace(task, candidates=tuple(listed))


def target_twice(task):
    a, _ = _two(task)
    listed = list(task.candidates)
    listed[a] = listed[task.target_index]
    return replace(task, candidates=tuple(listed))


def _two(task):
    return [place for place in range(task.n_candidates) if place != task.target_index][:2]


def target_missing(task):
    a, _ = _two(task)
    listed = list(task.candidates)
    listed[task.target_index] = listed[a]
    return replace(task, candidates=tuple(listed), target_index=None)


def not_loaded(tasks):
    """Scores of an adapter that was never loaded."""
    return trained().score_without_adapter(tasks)


LATER = ("loss_below_random", "adapter_active", "recall_beats_baseline[K=5]")


@pytest.mark.parametrize(
    ("replaced", "check"),
    [
        ({"scoring_prompts": uncleaned}, "prompt_injection_safe"),
        ({"training_tasks": training(negative_twice, 3)}, "training_gt_in_candidates"),
        ({"training_tasks": training(negative_twice, 1000)}, "training_gt_in_candidates"),
        ({"training_tasks": training(target_twice, 1000)}, "training_gt_in_candidates"),
    ],
)
def test_what_leaves_scores_meaningful_does_not_stop_the_job(replaced, check):
    report = report_on(**replaced)
    assert check in with_status(report, Status.FAILED)
    assert with_status(report, Status.NOT_RUN) == []
    assert {verdicts(report)[name].status for name in LATER} == {Status.PASSED}
    assert not report.ok


def test_a_finding_in_the_prompt_does_not_hide_an_adapter_that_was_never_loaded():
    unloaded = {"score": not_loaded, "predict_proba": lambda tasks: [softmax(row) for row in not_loaded(tasks)]}
    report = report_on(scoring_prompts=uncleaned, **unloaded)
    assert {"prompt_injection_safe", "adapter_active"} <= set(with_status(report, Status.FAILED))
    assert report.diagnosis.fault == "adapter-inactive"


@pytest.mark.parametrize("change", [target_missing])
def test_training_lists_without_a_target_stop_the_job(change):
    report = report_on(training_tasks=training(change, 3))
    assert "training_gt_in_candidates" in with_status(report, Status.FAILED)
    assert "loss_below_random" in with_status(report, Status.NOT_RUN)


@pytest.mark.parametrize("changes", [(negative_twice,), (target_missing,)])
def test_held_out_lists_that_are_wrong_stop_the_job_and_the_report_says_what_was_not_run_and_why(changes):
    tasks = [changes[0](task) for task in trained().tasks()]
    report = report_on(tasks=lambda: tasks)
    not_run = [verdict for verdict in report.verdicts if verdict.status is Status.NOT_RUN]
    assert {verdict.check for verdict in not_run} >= set(LATER)
    assert all("gt_in_candidates" in verdict.cause and verdict.next_step for verdict in not_run)
    onward = report_on(RunSettings(continue_after_failure=True), tasks=lambda: tasks)
    assert with_status(onward, Status.NOT_RUN) == []


def test_what_stops_the_job_follows_from_the_record():
    for fault in all_faults().values():
        assert fault.stops_the_job == (
            bool(fault.explains) and not fault.unrelated_to_metrics and not fault.scores_stay_meaningful
        )
        assert fault.stops_the_job or not fault.stops_the_job_in_training
    going_on = {name for name, fault in all_faults().items() if not fault.stops_the_job}
    assert {"prompt-injection", "prompts-unusable"} <= going_on
    assert not going_on & {"target-not-listed", "letter-not-supervised", "prompt-leak", "degenerate-titles"}
