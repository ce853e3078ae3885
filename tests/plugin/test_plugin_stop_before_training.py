"""A failed static gate stops the training job; what a target does not offer is not applicable."""

from __future__ import annotations

import json

import fake_targets
import fake_whole
import pytest
from inner_run import Run
from suite_checks import (
    CHECKS,
    ITEMS,
    NOT_SOUNDS,
    SOUND_CHECKS,
    SOUND_STATIC_CHECKS,
    SOUND_TRAINED_CHECKS,
    TRAINED_CHECKS,
)

from rerank_guard.errors import NotOfferedError
from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.verdict import Status

DROPPED = ("--rerank-target", "fake_targets:target_dropped_logged")
KEEP_GOING = "--rerank-keep-going"
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
    ("factory", "gate"),
    [
        (fake_targets.target_dropped, "gt_in_candidates"),
        (fake_targets.slot_follower, "target_slots_even"),
        (fake_targets.letters_split, "letter_tokens_found"),
        (fake_whole.planned_too_short, "training_planned"),
    ],
)
def test_a_failed_static_gate_stops_the_job(factory, gate: str) -> None:
    target = factory()
    report = check_reranker(target)
    assert target.log == [], "neither trained nor scored"
    assert of_status(report, Status.FAILED) == [gate]
    # what the target cannot show stays what it is: the job has no part in it
    missing = () if isinstance(target, fake_whole.Whole) else NOT_SOUNDS
    assert of_status(report, Status.NOT_RUN) == [check for check in TRAINED_CHECKS if check not in missing]
    assert not report.ok
    assert [finding.check for finding in report.findings] == [gate], "what was not run is no finding"
    assert report.diagnosis.explains == (gate,)
    assert report.subject.training is None
    for verdict in report.verdicts:
        if verdict.status is Status.NOT_RUN:
            assert verdict.cause == f"{gate} did not pass, so the training job was not started"
            assert KEEP_GOING in verdict.next_step
            assert verdict.claim


def test_a_rehearsal_that_fails_stops_the_job() -> None:
    target = fake_whole.sign_flipped()
    report = check_reranker(target)
    assert target.log == [], "neither trained nor scored"
    assert [(verdict.check, verdict.fault) for verdict in report.findings] == [
        ("one_batch_learned", "anti-learning")
    ]
    assert of_status(report, Status.NOT_RUN) == TRAINED_CHECKS[1:]
    assert report.diagnosis.fault == "anti-learning"


def test_nothing_is_rehearsed_where_a_static_gate_has_failed() -> None:
    target = fake_whole.planned_too_short()
    check_reranker(target)
    assert "rehearse" not in target.log


def test_all_static_gates_are_judged_before_the_job_is_refused() -> None:
    tasks = fake_targets.slot_follower().ranking_tasks
    letters = fake_targets.letters_split().letters
    target = fake_targets.Sound(ranking_tasks=tasks, letters=letters)
    report = check_reranker(target)
    assert of_status(report, Status.FAILED) == ["target_slots_even", "letter_tokens_found"]
    (cause,) = {verdict.cause for verdict in report.verdicts if verdict.status is Status.NOT_RUN}
    assert cause == "target_slots_even, letter_tokens_found did not pass, so the training job was not started"


def test_keep_going_trains_and_judges_what_comes_later() -> None:
    target = fake_targets.letters_split()
    report = check_reranker(target, keep_going=True)
    assert target.log[:2] == ["train", "score"]
    assert of_status(report, Status.FAILED) == ["letter_tokens_found"]
    assert of_status(report, Status.NOT_RUN) == []
    assert of_status(report, Status.PASSED) == [check for check in SOUND_CHECKS if check != "letter_tokens_found"]


def test_a_gate_behind_the_training_stops_nothing() -> None:
    report = check_reranker(fake_targets.uniform_scores())
    assert of_status(report, Status.FAILED)[0] == "scores_well_formed"
    assert of_status(report, Status.NOT_RUN) == []


def test_a_target_without_a_job_is_scored_all_the_same() -> None:
    report = check_reranker(fake_targets.Minimal(ranking_tasks=fake_targets.target_dropped().ranking_tasks))
    assert of_status(report, Status.NOT_RUN) == []
    assert of_status(report, Status.FAILED) == ["gt_in_candidates"]
    assert "recall_beats_baseline[K=5]" in of_status(report, Status.PASSED)


def test_what_is_not_offered_is_not_applicable_and_says_why() -> None:
    report = check_reranker(fake_whole.not_all_offered())
    assert report.ok
    reasons = {
        verdict.check: verdict.cause for verdict in report.verdicts if verdict.status is Status.NOT_APPLICABLE
    }
    assert reasons == NOT_OFFERED
    assert of_status(report, Status.PASSED) == [check for check in CHECKS if check not in NOT_OFFERED]


class _Declines(fake_whole.Whole):
    """Declines what other gates only use beside their own matter."""

    def training_tasks(self):
        raise NotOfferedError("the training data are not kept")

    def item_popularity(self):
        raise NotOfferedError("nobody counts")

    def item_times(self):
        raise NotOfferedError("no times")

    def score_made_up(self, tasks):
        raise NotOfferedError("recorded scores only")


def test_a_gate_that_can_do_without_what_is_not_offered_goes_on() -> None:
    report = check_reranker(_Declines())
    assert report.ok
    assert of_status(report, Status.NOT_APPLICABLE) == [
        "training_gt_in_candidates",
        "split_disjoint",
        "training_target_slots_even",
        "permutation_equivariant",
    ]
    (recall,) = (verdict for verdict in report.verdicts if verdict.check == "recall_beats_baseline[K=5]")
    assert recall.status is Status.PASSED
    assert set(recall.threshold) == {"chance", "effect", "effect_over_chance", "alpha"}


def test_pytest_stops_the_job_and_says_so_everywhere(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, "-rs")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    not_judged = len(ITEMS) - len(SOUND_STATIC_CHECKS)
    result.assert_outcomes(passed=len(SOUND_STATIC_CHECKS) - 1, failed=1, skipped=not_judged)
    assert not (pytester.path / "trained.log").exists()
    result.stdout.fnmatch_lines(
        [
            "SKIPPED*gt_in_candidates did not pass, so the training job was not started; mend what failed first, "
            f"or go on all the same with {KEEP_GOING}",
        ]
    )
    result.stdout.fnmatch_lines(["DIAGNOSIS  gt-missing (seen)", "loss_below_random *NOT RUN *"])
    result.stdout.no_fnmatch_line("training: * steps*")
    report = load_report(pytester)
    assert not report["ok"]
    assert report["training"] is None
    statuses = {verdict["check"]: verdict["status"] for verdict in report["verdicts"]}
    assert [check for check, status in statuses.items() if status == "not_run"] == SOUND_TRAINED_CHECKS
    summary = (pytester.path / "rerank-report" / "summary.md").read_text(encoding="utf-8")
    assert "| loss_below_random | NOT RUN |" in summary


def test_the_option_goes_on(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, KEEP_GOING)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (pytester.path / "trained.log").read_text() == "trained\n"
    statuses = {verdict["check"]: verdict["status"] for verdict in load_report(pytester)["verdicts"]}
    assert "not_run" not in statuses.values()
    assert statuses["loss_below_random"] == "passed"
    assert statuses["gt_in_candidates"] == "failed"


def test_a_stopped_run_is_not_stored(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*DROPPED, "--rerank-baseline", "stored.json", "--rerank-update-baseline")
    result.stdout.fnmatch_lines(["baseline not updated: *as nothing was scored in this one"])
    assert not (pytester.path / "stored.json").exists()


def test_gates_chosen_without_the_failing_one_are_not_stopped(run: Run, pytester: pytest.Pytester) -> None:
    run(*DROPPED, "-k", "loss_below_random").assert_outcomes(passed=1, deselected=len(ITEMS) - 1)
    assert (pytester.path / "trained.log").read_text() == "trained\n"


def test_pytest_skips_what_is_not_offered_with_the_targets_own_words(run: Run) -> None:
    result = run("--rerank-target", "fake_whole:not_all_offered", "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=len(CHECKS) - len(NOT_OFFERED), skipped=len(NOT_OFFERED) + 1)
    result.stdout.fnmatch_lines_random([f"SKIPPED*{words}; *" for words in set(NOT_OFFERED.values())])


class LettersRaise(fake_targets.Sound):
    """A tokenizer that cannot be loaded."""

    def letter_table(self):
        raise OSError("no tokenizer there")


def test_a_static_gate_that_raises_stops_the_job_too() -> None:
    target = LettersRaise()
    with pytest.raises(OSError, match="no tokenizer there"):
        check_reranker(target)
    assert target.log == [], "neither trained nor scored"


def test_what_raises_after_a_failed_static_gate_is_written_down() -> None:
    target = LettersRaise(ranking_tasks=fake_targets.target_dropped().ranking_tasks)
    report = check_reranker(target)
    assert [(error.check, error.message) for error in report.errors] == [
        ("letter_tokens_found", "OSError: no tokenizer there")
    ]
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "gt-missing"
    assert target.log == []
