"""A failed static check stops the training job; what a reranker does not offer is not applicable."""

from __future__ import annotations

import json

import fake_targets
import pytest
from fake_healthy import healthy, noted
from inner_run import Run
from suite_checks import (
    ITEMS,
    NOT_APPLICABLE,
    PASSING,
    SKIPPED,
    STATIC_CHECKS,
    STATIC_NOT_APPLICABLE,
    TRAINED_CHECKS,
)

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.faults import injector
from rerank_guard.suite import RunSettings, check_reranker

DROPPED = ("--rerank-target", "fake_targets:target_dropped_logged")
CONTINUE = "--rerank-continue"
NOT_OFFERED = {
    "prompts_match": "the collator of this configuration cannot be asked",
    "only_letter_supervised": "the collator of this configuration cannot be asked",
    "adapter_active": "this configuration trains all weights, so there is no adapter to switch off",
}


def of_status(report: Report, status: Status) -> list[str]:
    return [verdict.check for verdict in report.verdicts if verdict.status is status]


def load_report(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "rerank-report" / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("factory", "check"),
    [
        (fake_targets.target_dropped, "gt_in_candidates"),
        (fake_targets.position_follower, "target_positions_uniform"),
        (fake_targets.planned_too_short, "training_planned"),
    ],
)
def test_a_failed_static_check_stops_the_job(factory, check: str) -> None:
    target = factory()
    report = check_reranker(target)
    assert target.log == [], "neither trained nor scored"
    assert of_status(report, Status.FAILED) == [check]
    assert of_status(report, Status.NOT_RUN) == TRAINED_CHECKS
    assert not report.ok
    assert [problem.check for problem in report.problems] == [check], "what was not run is no problem"
    assert report.diagnosis.explains == (check,)
    assert report.subject.training is None
    for verdict in report.verdicts:
        if verdict.status is Status.NOT_RUN:
            assert check in verdict.cause
            assert CONTINUE in verdict.next_step
            assert verdict.claim


def test_a_smoke_training_that_fails_stops_the_job() -> None:
    target = fake_targets.sign_flipped()
    report = check_reranker(target)
    assert target.log == ["train_one_batch"], "neither trained nor scored"
    assert [(problem.check, problem.fault) for problem in report.problems] == [
        ("overfits_one_batch", "anti-learning")
    ]
    assert of_status(report, Status.NOT_RUN) == TRAINED_CHECKS[1:]
    assert report.diagnosis.fault == "anti-learning"


def test_all_static_checks_are_judged_before_the_job_is_refused() -> None:
    target = injector("O7b").broken(fake_targets.target_dropped())
    report = check_reranker(noted(target, tasks=fake_targets.target_dropped().tasks))
    assert of_status(report, Status.FAILED) == ["gt_in_candidates", "training_planned"]
    (cause,) = {verdict.cause for verdict in report.verdicts if verdict.status is Status.NOT_RUN}
    assert "gt_in_candidates, training_planned" in cause


def test_continue_after_failure_trains_and_judges_what_comes_later() -> None:
    target = fake_targets.candidates_twice()
    report = check_reranker(target, RunSettings(continue_after_failure=True))
    assert target.log[:3] == ["train_one_batch", "train", "score"]
    assert of_status(report, Status.FAILED) == ["gt_in_candidates"]
    assert of_status(report, Status.NOT_RUN) == []
    assert of_status(report, Status.PASSED) == [check for check in PASSING if check != "gt_in_candidates"]


def test_a_check_after_the_training_stops_nothing() -> None:
    report = check_reranker(fake_targets.uniform_scores())
    assert of_status(report, Status.FAILED)[0] == "scores_well_formed"
    assert of_status(report, Status.NOT_RUN) == []


def test_a_reranker_without_a_job_is_scored_anyway() -> None:
    report = check_reranker(injector("D1").broken(fake_targets.minimal(), severity=0.1))
    assert of_status(report, Status.NOT_RUN) == []
    assert of_status(report, Status.FAILED) == ["gt_in_candidates"]
    assert "recall_beats_baseline[K=5]" in of_status(report, Status.PASSED)


def test_what_is_not_offered_is_not_applicable_and_says_why() -> None:
    report = check_reranker(fake_targets.not_all_offered())
    assert report.ok
    reasons = {
        verdict.check: verdict.cause for verdict in report.verdicts if verdict.status is Status.NOT_APPLICABLE
    }
    assert {check: reason for check, reason in reasons.items() if check not in NOT_APPLICABLE} == NOT_OFFERED
    assert of_status(report, Status.PASSED) == [check for check in PASSING if check not in NOT_OFFERED]


def _declining(words: str):
    def decline(*_given):
        raise NotOfferedError(words)

    return decline


def test_a_check_that_can_do_without_what_is_not_offered_goes_on() -> None:
    """Optional inputs of several checks are declined."""
    declining = noted(
        healthy(),
        training_tasks=_declining("the training data are not kept"),
        item_popularity=_declining("no counts"),
        item_times=_declining("no times"),
        score_synthetic=_declining("recorded scores only"),
    )
    report = check_reranker(declining)
    assert report.ok
    assert set(of_status(report, Status.NOT_APPLICABLE)) == {
        "training_gt_in_candidates",
        "list_lengths_match",
        "training_negatives_not_easy",
        "split_disjoint",
        "training_target_positions_uniform",
        *NOT_APPLICABLE,
        "permutation_equivariant",
    }
    (recall,) = (verdict for verdict in report.verdicts if verdict.check == "recall_beats_baseline[K=5]")
    assert recall.status is Status.PASSED
    assert set(recall.threshold) == {"chance", "effect", "effect_over_chance", "alpha"}


def test_pytest_stops_the_job_and_says_so_everywhere(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, "-rs")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    static = len(STATIC_CHECKS) - len(STATIC_NOT_APPLICABLE)
    result.assert_outcomes(passed=static - 1, failed=1, skipped=len(ITEMS) - static)
    assert not (pytester.path / "trained.log").exists()
    result.stdout.fnmatch_lines([f"SKIPPED*gt_in_candidates did not pass*{CONTINUE}"])
    result.stdout.fnmatch_lines(["DIAGNOSIS  target-not-listed (seen)", "loss_below_random *NOT RUN *"])
    result.stdout.no_fnmatch_line("training: * steps*")
    report = load_report(pytester)
    assert not report["ok"]
    assert report["training"] is None
    statuses = {verdict["check"]: verdict["status"] for verdict in report["verdicts"]}
    assert [check for check, status in statuses.items() if status == "not_run"] == TRAINED_CHECKS
    summary = (pytester.path / "rerank-report" / "summary.md").read_text(encoding="utf-8")
    assert "| loss_below_random | NOT RUN |" in summary


def test_the_option_continues(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, CONTINUE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (pytester.path / "trained.log").read_text() == "trained\n"
    statuses = {verdict["check"]: verdict["status"] for verdict in load_report(pytester)["verdicts"]}
    assert "not_run" not in statuses.values()
    assert statuses["loss_below_random"] == "passed"
    assert statuses["gt_in_candidates"] == "failed"


def test_a_stopped_run_is_not_stored(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, "--rerank-reference", "stored.json", "--rerank-update-reference")
    result.stdout.fnmatch_lines(["reference run not updated: *as nothing was scored in this one"])
    assert not (pytester.path / "stored.json").exists()


def test_checks_chosen_without_the_failing_one_are_not_stopped(run: Run, pytester: pytest.Pytester) -> None:
    run(*DROPPED, "-k", "loss_below_random").assert_outcomes(passed=1, deselected=len(ITEMS) - 1)
    assert (pytester.path / "trained.log").read_text() == "trained\n"


def test_pytest_skips_what_is_not_offered_with_the_rerankers_own_words(run: Run) -> None:
    result = run("--rerank-target", "fake_targets:not_all_offered", "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=len(PASSING) - len(NOT_OFFERED), skipped=SKIPPED + len(NOT_OFFERED))
    result.stdout.fnmatch_lines_random([f"SKIPPED*{words}; *" for words in set(NOT_OFFERED.values())])


def _no_letters():
    raise OSError("no tokenizer there")


def test_a_static_check_that_raises_stops_the_job_too() -> None:
    target = noted(healthy(), letter_table=_no_letters)
    with pytest.raises(OSError, match="no tokenizer there"):
        check_reranker(target)
    assert target.log == [], "neither trained nor scored"


def test_what_raises_after_a_failed_static_check_is_written_down() -> None:
    target = noted(fake_targets.target_dropped(), letter_table=_no_letters)
    report = check_reranker(target)
    raised = {error.check: error.message for error in report.errors}
    assert raised["list_lengths_match"].startswith("OSError: no tokenizer there")
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "target-not-listed"
    assert target.log == []
