"""The early stop: a job that is decided ends, with the verdicts it would have had; a broken one runs to its budget."""

from __future__ import annotations

import json
from fnmatch import fnmatch

import fake_targets
import pytest
from fake_healthy import STEPS
from inner_run import Run
from suite_checks import (
    MINIMAL_CHECKS,
    PASSING,
    SKIPPED,
    STATIC_CHECKS,
    STATIC_NOT_APPLICABLE,
    TRAINED_CHECKS,
)

from rerank_guard.core.errors import TargetError
from rerank_guard.core.verdict import Status
from rerank_guard.recording.monitor import decided_after
from rerank_guard.report.json import report_to_json_dict
from rerank_guard.suite import RunSettings, SuiteRun, check_reranker

LOSSES = ["loss_below_random", "loss_below_letter_prior"]
STOP = "--rerank-early-stop"
EARLY = RunSettings(early_stop=True)


def statuses(report) -> dict[str, Status]:
    return {verdict.check: verdict.status for verdict in report.verdicts}


def load_report(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "rerank-report" / "report.json").read_text(encoding="utf-8"))


def test_a_decided_job_ends_with_the_same_verdicts() -> None:
    whole = check_reranker(fake_targets.stoppable())
    early = check_reranker(fake_targets.stoppable(), EARLY)
    assert [check for check, status in statuses(whole).items() if status is Status.PASSED] == PASSING
    assert statuses(early) == statuses(whole)
    full, cut = whole.subject.training, early.subject.training
    assert (full.steps, full.stopped_early) == (STEPS, False)
    assert cut.stopped_early
    assert cut.steps < 0.4 * full.steps, "60 % of the steps are saved"
    assert (cut.planned_steps, cut.trainable_parameters) == (STEPS, full.trainable_parameters)
    assert cut.examples == 16 * cut.steps
    assert report_to_json_dict(early)["training"]["stopped_early"] is True


def test_it_ends_at_the_step_that_the_whole_trace_shows() -> None:
    whole, early = (SuiteRun(fake_targets.stoppable(), RunSettings(early_stop=stop)) for stop in (False, True))
    assert early.trained().optimizer_steps == decided_after(whole.trained())


@pytest.mark.parametrize("factory", [fake_targets.loss_at_chance, fake_targets.letter_prior_learned])
def test_a_broken_job_runs_to_its_budget_and_fails_as_it_would(factory) -> None:
    whole, early = check_reranker(factory()), check_reranker(factory(), EARLY)
    assert early.subject.training.steps == early.subject.training.planned_steps == whole.subject.training.steps
    assert not early.subject.training.stopped_early
    assert statuses(early) == statuses(whole)
    assert early.problems[0].check in LOSSES


def test_the_level_of_the_run_is_that_of_the_stop() -> None:
    loose, strict = (
        check_reranker(fake_targets.stoppable(), RunSettings(early_stop=True, alpha=alpha))
        for alpha in (0.05, 1e-9)
    )
    assert loose.subject.training.steps < strict.subject.training.steps
    for report in (loose, strict):
        assert {statuses(report)[check] for check in LOSSES} == {Status.PASSED}


def test_a_train_that_takes_no_monitor_is_refused() -> None:
    target = fake_targets.takes_no_monitor()
    with pytest.raises(TargetError, match=r"'takes no monitor'.*`monitor`"):
        check_reranker(target, EARLY)
    assert "train" not in target.log, "nothing was trained"
    assert check_reranker(target).ok


def test_a_reranker_without_training_is_judged_as_before() -> None:
    report = check_reranker(fake_targets.minimal(), EARLY)
    assert report.ok
    assert [check for check, status in statuses(report).items() if status is Status.PASSED] == MINIMAL_CHECKS


def test_the_option_stops_the_job_and_the_report_says_so(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:stoppable", STOP)
    result.assert_outcomes(passed=len(PASSING), skipped=SKIPPED)
    early = load_report(pytester)["training"]
    assert early["stopped_early"] is True
    assert early["steps"] < 0.4 * STEPS
    assert early["planned_steps"] == STEPS
    measured = {v["check"]: v["measured"] for v in load_report(pytester)["verdicts"]}["loss_below_random"]
    assert measured["decided_after_steps"] == measured["optimizer_steps"] == early["steps"]
    line = f"raining: {early['steps']} of {STEPS} steps in * s, ended early*"
    result.stdout.fnmatch_lines([f"t{line}"])
    summary = (pytester.path / "rerank-report" / "summary.md").read_text().splitlines()
    assert any(fnmatch(text, f"T{line}") for text in summary)
    run("--rerank-target", "fake_targets:healthy").assert_outcomes(passed=len(PASSING), skipped=SKIPPED)
    whole = load_report(pytester)["training"]
    assert (whole["stopped_early"], whole["steps"]) == (False, STEPS)


def test_the_option_fails_a_broken_job_at_its_budget(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:loss_at_chance", STOP, "-k", "loss")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    training = load_report(pytester)["training"]
    assert (training["stopped_early"], training["steps"]) == (False, training["planned_steps"])


def test_the_option_with_a_train_that_takes_no_monitor_is_a_clear_error(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run("--rerank-target", "fake_targets:takes_no_monitor", STOP)
    # the smoke training passes; the first that needs the job is an error, the rest is not run
    static = len(STATIC_CHECKS) - len(STATIC_NOT_APPLICABLE)
    skipped = len(TRAINED_CHECKS) - 1 + len(STATIC_NOT_APPLICABLE)
    result.assert_outcomes(passed=static + 1, errors=1, skipped=skipped)
    message = load_report(pytester)["errors"][0]["message"]
    assert "takes no `monitor`" in message
    assert "or run without --rerank-early-stop" in message


def test_the_fixtures_share_the_job_that_was_stopped(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(rerank_training_run): assert rerank_training_run.stopped_early")
    result = run("--rerank-target", "fake_targets:stoppable_logged", STOP)
    result.assert_outcomes(passed=len(PASSING) + 1, skipped=SKIPPED)
    assert (pytester.path / "trained.log").read_text() == "trained\n"
