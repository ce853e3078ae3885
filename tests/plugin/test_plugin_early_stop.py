"""The early stop: a job that is decided ends, with the verdicts it would have had; a sick one goes to its budget."""

from __future__ import annotations

import json
from fnmatch import fnmatch

import fake_targets
import fake_whole
import pytest
from inner_run import Run
from suite_checks import (
    CHECKS,
    MINIMAL_CHECKS,
    SOUND_CHECKS,
    SOUND_SKIPPED,
    SOUND_STATIC_CHECKS,
    SOUND_TRAINED_CHECKS,
)

from rerank_guard.errors import TargetError
from rerank_guard.monitor import decided_after
from rerank_guard.suite import SuiteSession, check_reranker
from rerank_guard.verdict import Status

LOSSES = ["loss_below_random", "loss_below_letter_prior"]
STOP = "--rerank-early-stop"
UNJUDGED = "ranking_carries_over"


def statuses(report) -> dict[str, Status]:
    return {verdict.check: verdict.status for verdict in report.verdicts}


def load_report(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "rerank-report" / "report.json").read_text(encoding="utf-8"))


def test_a_decided_job_ends_with_the_same_verdicts() -> None:
    whole = check_reranker(fake_whole.whole())
    early = check_reranker(fake_whole.whole(), early_stop=True)
    assert statuses(whole) == dict.fromkeys(CHECKS, Status.PASSED)
    # of so few examples the job's own ranking is not shown to be above chance, which is all that can be lost
    assert statuses(early) == {**statuses(whole), UNJUDGED: Status.NOT_APPLICABLE}
    full, cut = whole.subject.training, early.subject.training
    assert (full.steps, full.stopped_early) == (60, False)
    assert cut.stopped_early
    assert cut.steps < 0.4 * full.steps, "60 % of the steps are saved"
    assert (cut.planned_steps, cut.trainable_parameters) == (60, 1000)
    assert cut.examples == 20 * cut.steps
    assert early.to_json_dict()["training"]["stopped_early"] is True


def test_it_ends_at_the_step_that_the_whole_trace_shows() -> None:
    whole, early = (SuiteSession(fake_targets.sound(), early_stop=stop) for stop in (False, True))
    assert early.trained().optimizer_steps == decided_after(whole.trained())


@pytest.mark.parametrize("factory", [fake_targets.loss_at_chance, fake_targets.letter_prior_learned])
def test_a_sick_job_goes_to_its_budget_and_fails_as_it_would(factory) -> None:
    whole, early = check_reranker(factory()), check_reranker(factory(), early_stop=True)
    assert early.subject.training.steps == early.subject.training.planned_steps == whole.subject.training.steps
    assert not early.subject.training.stopped_early
    assert statuses(early) == statuses(whole)
    assert early.findings[0].check in LOSSES


def test_the_level_of_the_run_is_that_of_the_stop() -> None:
    loose, strict = (check_reranker(fake_targets.sound(), early_stop=True, alpha=alpha) for alpha in (0.05, 1e-9))
    assert loose.subject.training.steps < strict.subject.training.steps
    for report in (loose, strict):
        assert {statuses(report)[check] for check in LOSSES} == {Status.PASSED}


def test_a_train_that_takes_no_monitor_is_told_what_to_do() -> None:
    target = fake_targets.takes_no_monitor()
    with pytest.raises(
        TargetError, match=r"train\(\) of 'takes no monitor' takes no `monitor`; give it the parameter"
    ):
        check_reranker(target, early_stop=True)
    assert target.log == [], "nothing was trained"
    assert check_reranker(target).ok


def test_a_target_without_training_is_judged_as_ever() -> None:
    report = check_reranker(fake_targets.minimal(), early_stop=True)
    assert report.ok
    assert [check for check, status in statuses(report).items() if status is Status.PASSED] == MINIMAL_CHECKS


def test_the_option_stops_the_job_and_the_report_says_so(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:sound", STOP)
    result.assert_outcomes(passed=len(SOUND_CHECKS) - 1, skipped=SOUND_SKIPPED + 1)  # UNJUDGED
    early = load_report(pytester)["training"]
    assert early["stopped_early"] is True
    assert early["steps"] < 24
    assert early["planned_steps"] == 60
    measured = {v["check"]: v["measured"] for v in load_report(pytester)["verdicts"]}["loss_below_random"]
    assert measured["decided_after_steps"] == measured["optimizer_steps"] == early["steps"]
    line = f"raining: {early['steps']} of 60 steps in * s, ended early: its gates had passed"
    result.stdout.fnmatch_lines([f"t{line}"])
    summary = (pytester.path / "rerank-report" / "summary.md").read_text().splitlines()
    assert any(fnmatch(text, f"T{line}.") for text in summary)
    run("--rerank-target", "fake_targets:sound").assert_outcomes(passed=len(SOUND_CHECKS), skipped=SOUND_SKIPPED)
    whole = load_report(pytester)["training"]
    assert (whole["stopped_early"], whole["steps"]) == (False, 60)


def test_the_option_fails_a_sick_job_at_its_budget(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:loss_at_chance", STOP, "-k", "loss")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    training = load_report(pytester)["training"]
    assert (training["stopped_early"], training["steps"]) == (False, training["planned_steps"])


def test_the_option_with_a_train_that_takes_no_monitor_is_a_clear_error(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run("--rerank-target", "fake_targets:takes_no_monitor", STOP)
    result.assert_outcomes(passed=len(SOUND_STATIC_CHECKS), errors=len(SOUND_TRAINED_CHECKS), skipped=SOUND_SKIPPED)
    message = load_report(pytester)["errors"][0]["message"]
    assert "takes no `monitor`" in message
    assert "or run without --rerank-early-stop" in message


def test_the_fixtures_share_the_job_that_was_stopped(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(rerank_training_run): assert rerank_training_run.stopped_early")
    run("--rerank-target", "fake_targets:logged", STOP).assert_outcomes(
        passed=len(SOUND_CHECKS), skipped=SOUND_SKIPPED + 1
    )
    assert (pytester.path / "trained.log").read_text() == "trained\n"
